import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** A request as its repeat must be recognised, and what only its caller knows. */
export interface NamedRequest {
  /** Whose key it is: one name means something else to everybody else. */
  readonly scope: string;
  /** The Idempotency-Key. */
  readonly key: string;
  /** The API key or administration token that was presented. Never stored. */
  readonly credential: string;
  /** Method, path and canonical body. */
  readonly content: string;
}

/** An answer that is given again. */
export interface KeptAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly generationId?: string;
  readonly body: string;
}

const CIPHER = 'aes-256-gcm';
const SECRET_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const INFO = 'idempotent requests, version 1';

/**
 * What is derived from a request's Idempotency-Key and credential (HKDF-SHA-256, RFC 5869). The database holds only what is made
 * with these: it cannot read an answer, nor test a guess of a prompt, without both.
 */
export class RequestSecrets {
  /** The row's id: SHA-256 of scope and key. */
  readonly id: Buffer;
  /** Tells a repeat of the request from another one under the same key. */
  readonly fingerprint: Buffer;
  private readonly answerKey: Buffer;
  private readonly nameKey: Buffer;

  constructor({ scope, key, credential, content }: NamedRequest) {
    this.id = createHash('sha256').update(`${scope}\0${key}`).digest();
    const secrets = Buffer.from(hkdfSync('sha256', credential, key, INFO, 3 * SECRET_BYTES));
    this.answerKey = secrets.subarray(0, SECRET_BYTES);
    this.nameKey = secrets.subarray(SECRET_BYTES, 2 * SECRET_BYTES);
    this.fingerprint = createHmac('sha256', secrets.subarray(2 * SECRET_BYTES))
      .update(content)
      .digest();
  }

  /**
   * The generation of one attempt, always the same: the ledger recognises its reservation even where the row was lost.
   * @param day of the first attempt, in days since the epoch: a key that was forgotten names new generations
   */
  generationId(day: number, attempt: number): string {
    return `gen-${createHmac('sha256', this.nameKey).update(`${day}/${attempt}`).digest('hex').slice(0, 32)}`;
  }

  /** Encrypts an answer (AES-256-GCM), bound to this row: nonce, tag, text. */
  seal({ body, ...head }: KeptAnswer): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.answerKey, nonce).setAAD(this.id);
    const text = [cipher.update(`${JSON.stringify(head)}\n`), cipher.update(body, 'utf8'), cipher.final()];
    return Buffer.concat([nonce, cipher.getAuthTag(), ...text]);
  }

  /** Decrypts an answer. Throws where it was sealed for another request or by another credential, or was changed since. */
  open(sealed: Buffer): KeptAnswer {
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, this.answerKey, nonce, { authTagLength: TAG_BYTES })
      .setAAD(this.id)
      .setAuthTag(tag);
    const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
    const headEnd = text.indexOf('\n');
    return { ...JSON.parse(text.slice(0, headEnd)), body: text.slice(headEnd + 1) } as KeptAnswer;
  }
}
