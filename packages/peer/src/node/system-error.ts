/** The operating system's error codes in words, for the middle of a sentence. */
const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of its path is a file, not a folder",
  EEXIST: "there is a file of that name",
  ENOENT: "a part of its path is missing",
};

/** The code of a system error (ENOENT ...); `undefined` for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

export function systemErrorWords(error: unknown): string {
  const code = systemErrorCode(error);
  if (code === undefined) return String(error);
  return words[code] ?? code;
}
