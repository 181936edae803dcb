/** The calls of Linux's C library that Node does not have. A buffer is an argument, so it lives as long as the call. */

interface SystemCalls {
  /** A negative result is a failure; `reason` tells which. */
  readonly ioctl: (fd: number, request: number, argument: Uint8Array) => number;
  readonly read: (fd: number, bytes: Uint8Array, lengthBytes: number) => number;
  readonly write: (fd: number, bytes: Uint8Array, lengthBytes: number) => number;
  readonly ppoll: (descriptors: Uint8Array, count: number, timeout: Uint8Array, mask: null) => number;
  readonly prctl: (option: number, value: number) => number;
  readonly schedule: (pid: number, policy: number, parameters: Uint8Array) => number;
  /** Why the last call failed, as the system words it. */
  reason(): string;
}

const firstInFirstOut = 1;
const priority = 10;
const setTimerSlack = 29;

/** Rejects where koffi, or its native part for this system, is missing. */
export async function loadSystemCalls(): Promise<SystemCalls> {
  const { default: koffi } = await import("koffi");
  const libc = koffi.load("libc.so.6");
  const strerror = libc.func("const char *strerror(int error)");
  return {
    ioctl: libc.func("int ioctl(int fd, unsigned long request, _Inout_ void *argument)"),
    read: libc.func("long read(int fd, _Out_ void *bytes, size_t length)"),
    write: libc.func("long write(int fd, const void *bytes, size_t length)"),
    ppoll: libc.func(
      "int ppoll(_Inout_ void *descriptors, unsigned long count, const void *timeout, const void *mask)",
    ),
    prctl: libc.func("int prctl(int option, unsigned long value)"),
    schedule: libc.func("int sched_setscheduler(int pid, int policy, const void *parameters)"),
    reason: () => String(strerror(koffi.errno())),
  };
}

/**
 * Lets this process run before all ordinary ones, and wakes it within microseconds: what measures or makes delays must
 * not wait for what is measured. Where the system refuses, it goes on as an ordinary one.
 */
export function hurry({ prctl, schedule }: SystemCalls): void {
  prctl(setTimerSlack, 1);
  const parameters = new Int32Array([priority]);
  schedule(0, firstInFirstOut, new Uint8Array(parameters.buffer));
}

export type { SystemCalls };
