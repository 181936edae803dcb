import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  Boolean as Asn1Boolean,
  Set as Asn1Set,
  type BaseBlock,
  BitString,
  Constructed,
  fromBER,
  Integer,
  ObjectIdentifier,
  OctetString,
  Primitive,
  Sequence,
  UTCTime,
  Utf8String,
} from "asn1js";

export interface TestCertificate {
  readonly name: string;
  readonly privateKey: KeyObject;
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly keyHash: Uint8Array;
}

/** For a DNS name, or an authority; signed by `issuer`, or by itself. */
export function makeCertificate(name: string, issuer?: TestCertificate): TestCertificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const ecdsaWithSha256 = sequence(new ObjectIdentifier({ value: "1.2.840.10045.4.3.2" }));
  const toBeSigned = sequence(
    new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [new Integer({ value: 2 })] }),
    new Integer({ valueHex: Uint8Array.of(1, ...randomBytes(8)).buffer }),
    ecdsaWithSha256,
    distinguishedName(issuer?.name ?? name),
    sequence(time(-1), time(30)),
    distinguishedName(name),
    fromBER(spki).result,
    new Constructed({
      idBlock: { tagClass: 3, tagNumber: 3 },
      value: [sequence(basicConstraints(issuer === undefined), subjectAltName(name))],
    }),
  );
  const signature = sign("sha256", Buffer.from(toBeSigned.toBER()), issuer?.privateKey ?? privateKey);
  const whole = sequence(toBeSigned, ecdsaWithSha256, new BitString({ valueHex: Uint8Array.from(signature).buffer }));
  return {
    name,
    privateKey,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: pem(Buffer.from(whole.toBER())),
    keyHash: new Uint8Array(createHash("sha256").update(spki).digest()),
  };
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}

function distinguishedName(commonName: string): Sequence {
  const pair = sequence(new ObjectIdentifier({ value: "2.5.4.3" }), new Utf8String({ value: commonName }));
  return sequence(new Asn1Set({ value: [pair] }));
}

function time(days: number): UTCTime {
  return new UTCTime({ valueDate: new Date(Date.now() + days * 86_400_000) });
}

function basicConstraints(isAuthority: boolean): Sequence {
  const content = isAuthority ? [new Asn1Boolean({ value: true })] : [];
  return extension("2.5.29.19", sequence(...content));
}

function subjectAltName(name: string): Sequence {
  const dnsName = new Primitive({
    idBlock: { tagClass: 3, tagNumber: 2 },
    valueHex: Uint8Array.from(Buffer.from(name, "ascii")).buffer,
  });
  return extension("2.5.29.17", sequence(dnsName));
}

function extension(id: string, content: Sequence): Sequence {
  return sequence(new ObjectIdentifier({ value: id }), new OctetString({ valueHex: content.toBER() }));
}

function sequence(...value: BaseBlock[]): Sequence {
  return new Sequence({ value });
}
