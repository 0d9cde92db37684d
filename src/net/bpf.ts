/** Classic BPF programs for sockets (bpf(4), socket(7)), through libc. Linux only. */
import { libc, SOL_SOCKET } from "./libc.ts";

const INSTRUCTION_SIZE = 8;
const PROGRAM_SIZE = 16;

/** A struct sock_filter; the last two are how many instructions a jump passes over. */
export type Instruction = readonly [
  code: number,
  value: number,
  ifTrue?: number,
  ifFalse?: number,
];

/** Give a socket a program, a struct sock_fprog, by the option `option`; false where the kernel takes none. Needs libc. */
export function attachProgram(
  fd: number,
  option: number,
  instructions: readonly Instruction[],
): boolean {
  const code = new DataView(
    new ArrayBuffer(INSTRUCTION_SIZE * instructions.length),
  );
  instructions.forEach(([operation, value, ifTrue = 0, ifFalse = 0], i) => {
    const at = i * INSTRUCTION_SIZE;
    code.setUint16(at, operation, true);
    code.setUint8(at + 2, ifTrue);
    code.setUint8(at + 3, ifFalse);
    code.setUint32(at + 4, value, true);
  });
  const bytes = new Uint8Array(code.buffer);
  const program = new DataView(new ArrayBuffer(PROGRAM_SIZE));
  program.setUint16(0, instructions.length, true);
  program.setBigUint64(
    8,
    BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes))),
    true,
  );
  return libc()!.setsockopt(
    fd,
    SOL_SOCKET,
    option,
    new Uint8Array(program.buffer),
    PROGRAM_SIZE,
  ) === 0;
}
