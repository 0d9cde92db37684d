/** The annotated configuration of a whole estate, as an operator would try it. */
import assert from "node:assert/strict";
import { run } from "../support/mailferry.ts";
import { Ground, TOKEN } from "../support/proxy_config.ts";

Deno.test("check accepts docs/estate.toml once its files exist", async () => {
  await using ground = await Ground.create();
  const { folder, certificate } = ground;
  const files = {
    "/etc/mailferry/tls/fullchain.pem": certificate.certFile,
    "/etc/mailferry/tls/privkey.pem": certificate.keyFile,
    "/etc/mailferry/admin.token": `${folder}/admin.token`,
    "/var/lib/mailferry/mappings": `${folder}/mappings`,
  };
  let text = await Deno.readTextFile(
    new URL("../../docs/estate.toml", import.meta.url),
  );
  for (const [named, here] of Object.entries(files)) {
    assert.ok(text.includes(`"${named}"`), named);
    text = text.replace(`"${named}"`, `"${here}"`);
  }
  const config = `${folder}/estate.toml`;
  await Deno.writeTextFile(config, text);
  await Deno.writeTextFile(`${folder}/admin.token`, TOKEN);
  await Deno.writeTextFile(`${folder}/mappings`, "alice@example.com new\n");
  const { code, stdout, stderr } = await run(["check", config]);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  for (const port of [993, 995, 465, 587, 143, 110, 4190, 25, 24, 443, 80]) {
    assert.match(stdout, new RegExp(`:${port}\\b`));
  }
});
