/** Makes the certificate under which a server takes TLS when its operator has none. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import type { TlsIdentity } from "@fractal-punch/udp";
import {
  type BaseBlock,
  BitString,
  Constructed,
  fromBER,
  GeneralizedTime,
  Integer,
  ObjectIdentifier,
  Sequence,
  Set as SetBlock,
  UTCTime,
  Utf8String,
} from "asn1js";

/** Peers know it by its key and look at no date: it only has to look like others to what stands in between. */
const lifeMs = 10 * 365 * 86_400_000;

/** The clocks of those who do look may be behind. */
const earlierMs = 86_400_000;

/** Self-signed, for a new key on P-256 (RFC 5280, RFC 5758). It names this program and nobody else. */
export function makeCertificate(epochMs: number): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const body = certificateBody(publicKey, epochMs);
  const signature = sign("sha256", new Uint8Array(body.toBER()), privateKey);
  const signed = sequence(body, ecdsaWithSha256(), new BitString({ valueHex: Uint8Array.from(signature).buffer }));
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { key, cert: pem(new Uint8Array(signed.toBER())) };
}

/** TBSCertificate (RFC 5280 section 4.1), of version 3 and without extensions. */
function certificateBody(publicKey: KeyObject, epochMs: number): Sequence {
  return sequence(
    new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [new Integer({ value: 2 })] }),
    // At least 64 random bits, and positive.
    new Integer({ valueHex: Uint8Array.of(1, ...randomBytes(15)).buffer }),
    ecdsaWithSha256(),
    programName(),
    sequence(time(epochMs - earlierMs), time(epochMs + lifeMs)),
    programName(),
    fromBER(publicKey.export({ type: "spki", format: "der" })).result,
  );
}

function ecdsaWithSha256(): Sequence {
  return sequence(new ObjectIdentifier({ value: "1.2.840.10045.4.3.2" }));
}

function programName(): Sequence {
  const commonName = new ObjectIdentifier({ value: "2.5.4.3" });
  return sequence(new SetBlock({ value: [sequence(commonName, new Utf8String({ value: "fractal-punch" }))] }));
}

function time(epochMs: number): UTCTime {
  const valueDate = new Date(epochMs);
  // RFC 5280 section 4.1.2.5.
  return valueDate.getUTCFullYear() < 2050 ? new UTCTime({ valueDate }) : new GeneralizedTime({ valueDate });
}

function pem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function sequence(...value: BaseBlock[]): Sequence {
  return new Sequence({ value });
}
