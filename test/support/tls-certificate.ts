/** A certificate of its own authority for 127.0.0.1 and localhost, made by openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TlsCertificate {
  readonly certificate: string;
  readonly privateKey: string;
  /** What a client is to trust. */
  readonly certificateFile: string;
}

export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function createCertificate(folder: string): TlsCertificate {
  const certificateFile = join(folder, 'node.crt');
  const keyFile = join(folder, 'node.key');
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...names, '-out', certificateFile], { stdio: 'pipe' });
  return { certificate: readFileSync(certificateFile, 'utf8'), privateKey: readFileSync(keyFile, 'utf8'), certificateFile };
}
