/**
 * What counts as one client where clients are told apart: an IPv4 address, or the /64 of an IPv6
 * one, since a single customer commands a whole /64. Text that is no address counts as itself.
 */
export function clientUnit(address: string): string {
  if (!address.includes(":")) return address;
  const [bare] = address.toLowerCase().split("%", 1) as [string];
  const mapped = /^(?:0*:)*:?(?:0*:)*ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare);
  if (mapped) return mapped[1] as string;
  const [head, tail] = bare.split("::", 2) as [string, string | undefined];
  const left = head === "" ? [] : head.split(":");
  const right = tail ? tail.split(":") : [];
  // An IPv4 part stands for two groups.
  const groups = left.length + right.length + (bare.includes(".") ? 1 : 0);
  const all = tail === undefined
    ? left
    : [...left, ...Array(Math.max(0, 8 - groups)).fill("0"), ...right];
  const network = all.slice(0, 4).map((g) => g.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}
