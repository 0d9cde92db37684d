export function runDemo(_: { check: boolean }): Promise<number> {
  return Promise.resolve(1);
}
