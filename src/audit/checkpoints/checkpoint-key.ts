import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CheckpointKeyLocation {
  /** PEM of a PKCS#8 Ed25519 private key, or the path of a file with it; undefined: generated and kept in `dataDir`. */
  readonly configured: string | undefined;
  readonly dataDir: string;
}

const KEY_FILE = 'checkpoint-key.pem';
const PUBLIC_KEY_FILE = 'checkpoint-key.pub.pem';

/**
 * The private key that signs checkpoints: the configured one, or one generated at the first start and kept in the data directory,
 * its public half beside it.
 * @throws Error that says what is wrong with the key, without a byte of it
 */
export function openCheckpointKey({ configured, dataDir }: CheckpointKeyLocation): KeyObject {
  if (configured !== undefined) return parseKey(configured, 'CHECKPOINT_KEY');
  const file = join(dataDir, KEY_FILE);
  if (!existsSync(file)) generateKey(dataDir, file);
  const key = parseKey(file, file);
  const publicFile = join(dataDir, PUBLIC_KEY_FILE);
  if (!existsSync(publicFile)) writeFileSync(publicFile, createPublicKey(key).export({ type: 'spki', format: 'pem' }));
  return key;
}

/** The public half of the key in use, for who verifies; undefined where no key has been made yet. Generates nothing. */
export function findCheckpointPublicKey({ configured, dataDir }: CheckpointKeyLocation): KeyObject | undefined {
  if (configured !== undefined) return createPublicKey(parseKey(configured, 'CHECKPOINT_KEY'));
  const publicFile = join(dataDir, PUBLIC_KEY_FILE);
  return existsSync(publicFile) ? parsePublicKey(readFileSync(publicFile, 'utf8'), publicFile) : undefined;
}

/** @throws Error where the text is no PEM of an Ed25519 public key */
export function parsePublicKey(pem: string, name: string): KeyObject {
  return ed25519(() => createPublicKey(pem), name);
}

function parseKey(textOrPath: string, name: string): KeyObject {
  // Where a variable cannot hold line ends, they are written as \n.
  const isText = textOrPath.includes('-----BEGIN');
  return ed25519(() => createPrivateKey(isText ? textOrPath.replaceAll('\\n', '\n') : readFileSync(textOrPath)), name);
}

function ed25519(parse: () => KeyObject, name: string): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch (error) {
    // The parser's own message may quote what it was given.
    throw new Error(`${name} holds no readable key in PEM${code(error)}`);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`${name} is not an Ed25519 key`);
  return key;
}

/** Of a file that cannot be read; of a key that cannot be parsed, OpenSSL's. */
const code = (error: unknown): string => {
  const { code: text } = Object(error) as { code?: unknown };
  return typeof text === 'string' ? ` (${text})` : '';
};

/** Written whole before it has its name, so that neither a crash nor a second process meets half a key; the first one stays. */
function generateKey(dataDir: string, file: string): void {
  mkdirSync(dataDir, { recursive: true });
  const draft = `${file}.${randomUUID()}`;
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(draft, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
}
