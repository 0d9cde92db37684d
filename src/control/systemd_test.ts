import assert from "node:assert/strict";
import { ServiceManager } from "./systemd.ts";

function setup(env: Record<string, string>) {
  const sent: string[] = [];
  const failures: string[] = [];
  let heard = () => {};
  const manager = new ServiceManager(
    (name) => env[name],
    (reason) => failures.push(reason),
    (path, message) => {
      sent.push(`${path} ${message}`);
      heard();
      return Promise.resolve();
    },
  );
  /** Resolves when the next message has been sent. */
  const next = () => new Promise<void>((resolve) => heard = resolve);
  return { manager, sent, failures, next };
}

Deno.test("ServiceManager is silent without NOTIFY_SOCKET", async () => {
  const { manager, sent } = setup({ WATCHDOG_USEC: "1000" });
  manager.tell("READY", "serving");
  manager.startWatchdog(() => true);
  await manager.close();
  assert.equal(manager.present, false);
  assert.deepEqual(sent, []);
});

Deno.test("ServiceManager tells states in order, each status in one line", async () => {
  const { manager, sent } = setup({ NOTIFY_SOCKET: "/run/n" });
  manager.tell("READY", "serving\n2 listeners");
  manager.tell("RELOADING", "reading");
  manager.status("idle");
  manager.tell("STOPPING", "draining");
  await manager.close();
  assert.deepEqual(sent, [
    "/run/n READY=1\nSTATUS=serving 2 listeners",
    "/run/n RELOADING=1\nSTATUS=reading",
    "/run/n STATUS=idle",
    "/run/n STOPPING=1\nSTATUS=draining",
  ]);
});

Deno.test("ServiceManager.watchdogInterval is half of WATCHDOG_USEC, for this process alone", () => {
  const interval = (env: Record<string, string>) =>
    setup({ NOTIFY_SOCKET: "/run/n", ...env }).manager.watchdogInterval;
  assert.equal(interval({ WATCHDOG_USEC: "30000000" }), 15_000);
  assert.equal(interval({}), null);
  assert.equal(interval({ WATCHDOG_USEC: "nonsense" }), null);
  const own = { WATCHDOG_USEC: "2000000", WATCHDOG_PID: String(Deno.pid) };
  assert.equal(interval(own), 1000);
  assert.equal(interval({ ...own, WATCHDOG_PID: "1" }), null);
});

Deno.test("ServiceManager.startWatchdog gives signs of life while the process is alive", async () => {
  const { manager, sent, next } = setup({
    NOTIFY_SOCKET: "/run/n",
    WATCHDOG_USEC: "2000",
  });
  let asked = 0;
  manager.startWatchdog(() => asked++ % 2 === 0);
  await next();
  await next();
  await manager.close();
  assert.ok(asked >= 3, "it was asked between two signs of life");
  assert.equal(sent[0], "/run/n WATCHDOG=1");
});

Deno.test("ServiceManager says that it cannot reach an abstract socket, once", async () => {
  const { manager, sent, failures } = setup({ NOTIFY_SOCKET: "@/org/x" });
  manager.tell("READY", "");
  await manager.close();
  assert.deepEqual(sent, []);
  assert.equal(failures.length, 1);
});

Deno.test("ServiceManager sends datagrams that a receiver gets", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/notify`;
  const receiver = Deno.listenDatagram({ transport: "unixpacket", path });
  const failures: string[] = [];
  const manager = new ServiceManager(
    (name) => name === "NOTIFY_SOCKET" ? path : undefined,
    (reason) => failures.push(reason),
  );
  manager.tell("READY", "serving");
  manager.status("still serving");
  const texts: string[] = [];
  for (let i = 0; i < 2; i++) {
    const [bytes] = await receiver.receive();
    texts.push(new TextDecoder().decode(bytes));
  }
  receiver.close();
  await manager.close();
  assert.deepEqual(texts, [
    "READY=1\nSTATUS=serving",
    "STATUS=still serving",
  ]);
  assert.deepEqual(failures, []);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ServiceManager reports a socket that is not there", async () => {
  const folder = await Deno.makeTempDir();
  const failures: string[] = [];
  const manager = new ServiceManager(
    () => `${folder}/none`,
    (reason) => failures.push(reason),
  );
  manager.tell("READY", "");
  await manager.close();
  assert.equal(failures.length, 1);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("ServiceManager tells who is the service, and nothing more once it is another process", async () => {
  const { manager, sent } = setup({ NOTIFY_SOCKET: "/run/n" });
  manager.becomeMain();
  manager.silence();
  manager.tell("STOPPING", "draining");
  await manager.close();
  assert.deepEqual(sent, [`/run/n MAINPID=${Deno.pid}\nWATCHDOG=1`]);
});
