import { ANSWER_MAX_BYTES } from '../../idempotency/index.js';

/** The frames of one stream, kept as text so that the stream can be given again; bounded. */
export class Recording {
  private text: string | undefined = '';
  private ended = false;

  /** @param keep is told once whether the stream was charged, with its text, undefined where that is too long */
  constructor(private readonly keep: (charged: boolean, text: string | undefined) => Promise<void>) {}

  add(frame: string): void {
    if (this.text === undefined) return;
    this.text += frame;
    if (this.text.length > ANSWER_MAX_BYTES) this.text = undefined;
  }

  /** The stream is over: resolves when it may be told to the client. */
  async end(charged: boolean, ...lastFrames: readonly string[]): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    for (const frame of lastFrames) this.add(frame);
    await this.keep(charged, this.text);
  }
}

/** Who wants a stream recorded. */
export interface StreamKeeping {
  /** From its first frame. */
  readonly recording?: Recording;
  /** Only where the client leaves before a frame was sent to it while the call goes on, and is charged, unseen. */
  readonly onUnserved?: () => Recording;
}
