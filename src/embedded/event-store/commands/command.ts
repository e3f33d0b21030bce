export interface Command {
  /** The first line is how it is called. */
  readonly help: string;
  /** Resolves with the exit status: 0 all is well, 1 something is wrong. Rejects with WrongUsage where it was not asked well. */
  run(args: string[]): Promise<number>;
}

/** Answered by one line and exit status 2. */
export class WrongUsage extends Error {}

/** @throws WrongUsage naming the option */
export function required(name: string, value: string | undefined): string {
  if (!value) throw new WrongUsage(`--${name} is missing.`);
  return value;
}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Where a person looks on, long work says how far it is. */
export function progressOn(stream: NodeJS.WriteStream): (text: string) => void {
  if (!stream.isTTY) return () => {};
  return (text) => void stream.write(`\r\x1b[K${text}`);
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
