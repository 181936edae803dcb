/** The public IPv4 address of a cloud's instance, which stands behind a 1:1 NAT and does not see it itself. */
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { addressFromIpText } from "@fractal-punch/machine";

type Cloud = "amazon" | "google" | "azure";

/** Where the kernel says what machine this is, and where clouds answer questions of their instances. */
export interface CloudPlaces {
  readonly dmiFolder: string;
  readonly metadataUrl: string;
}

const realPlaces: CloudPlaces = { dmiFolder: "/sys/class/dmi/id", metadataUrl: "http://169.254.169.254" };
const timeoutMs = 1000;
const maxAnswerCharacters = 256;

/** As text; `undefined` when this machine is in none of these clouds, or its cloud does not say. Asks nobody else. */
export async function cloudAddress(places: CloudPlaces = realPlaces): Promise<string | undefined> {
  const cloud = await cloudOf(places.dmiFolder);
  if (cloud === undefined) return undefined;
  try {
    const text = (await askers[cloud](places.metadataUrl)).trim();
    return addressFromIpText(text, 0) && text;
  } catch {
    // An instance without the service, or without a public address: there are other ways to learn it.
    return undefined;
  }
}

/** Amazon EC2 and Lightsail; Google Compute Engine; Microsoft Azure, by the tag that all its machines have. */
async function cloudOf(dmiFolder: string): Promise<Cloud | undefined> {
  const files = ["sys_vendor", "bios_version", "chassis_asset_tag"];
  const [vendor = "", bios = "", tag = ""] = await Promise.all(
    files.map((file) => readFile(join(dmiFolder, file), "utf8").catch(() => "")),
  );
  if (vendor.startsWith("Amazon EC2") || bios.includes("amazon")) return "amazon";
  if (vendor.startsWith("Google")) return "google";
  return tag.startsWith("7783-7084-3265-9085-8269-3286-77") ? "azure" : undefined;
}

const askers: Record<Cloud, (metadataUrl: string) => Promise<string>> = {
  async amazon(url) {
    const lifetime = { "X-aws-ec2-metadata-token-ttl-seconds": "60" };
    const token = await ask("PUT", `${url}/latest/api/token`, lifetime);
    return ask("GET", `${url}/latest/meta-data/public-ipv4`, { "X-aws-ec2-metadata-token": token });
  },
  google(url) {
    const path = "computeMetadata/v1/instance/network-interfaces/0/access-configs/0/external-ip";
    return ask("GET", `${url}/${path}`, { "Metadata-Flavor": "Google" });
  },
  azure(url) {
    const path = "metadata/instance/network/interface/0/ipv4/ipAddress/0/publicIpAddress";
    return ask("GET", `${url}/${path}?api-version=2021-02-01&format=text`, { Metadata: "true" });
  },
};

function ask(method: string, url: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, timeout: timeoutMs, signal: AbortSignal.timeout(timeoutMs) });
    sent.on("error", reject);
    sent.on("response", (answer) => {
      let text = "";
      answer.setEncoding("latin1");
      answer.on("data", (part: string) => {
        text = (text + part).slice(0, maxAnswerCharacters);
      });
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`${url} answered ${answer.statusCode}`));
      });
    });
    sent.end();
  });
}
