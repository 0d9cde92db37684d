/** Why something could not be bound, in words for the operator. */
export function bindFailure(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) return "address already in use";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)";
  }
  return error instanceof Error ? error.message : String(error);
}
