// Uploads a file with tus-js-client, as the options on the command line say; prints the upload's address.
// node tus-js-client.mjs ENDPOINT FILE OPTIONS; beside the client's own options there are
// stopAfter (bytes after which it stops for good), terminate (ends it there) and stream (no length beforehand).

import { createReadStream, readFileSync } from "node:fs";
import { PassThrough } from "node:stream";
import { Upload } from "tus-js-client";

const [endpoint, file, options] = process.argv.slice(2);
const { stopAfter, terminate, stream, ...own } = JSON.parse(options);
const content = stream ? createReadStream(file).pipe(new PassThrough()) : readFileSync(file);

await new Promise((done, failed) => {
  const upload = new Upload(content, {
    endpoint,
    retryDelays: [100, 200, 400, 800, 1600, 3200],
    ...own,
    onError: failed,
    onSuccess: () => done(console.log(upload.url)),
    onChunkComplete: async (_, sent) => {
      if (!stopAfter || sent < stopAfter) return;
      const { url } = upload;
      await upload.abort(terminate);
      done(console.log(url));
    },
  });
  upload.start();
});
