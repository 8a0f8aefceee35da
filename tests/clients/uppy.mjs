// Uploads a file with Uppy and its tus plugin; prints the upload's address.
// node uppy.mjs ENDPOINT FILE NAME RELATIVE_PATH

import { readFileSync } from "node:fs";
import Uppy from "@uppy/core";
import Tus from "@uppy/tus";

const [endpoint, file, name, relativePath] = process.argv.slice(2);
// Outside of a browser the plugin's client takes a Buffer, and Uppy asks it for its size as it would a Blob.
const data = readFileSync(file);
data.size = data.length;
const uppy = new Uppy().use(Tus, { endpoint, chunkSize: 1 << 20, limit: 2 });
uppy.addFile({ name, type: "application/octet-stream", data, meta: { relativePath } });
const { successful, failed } = await uppy.upload();
if (failed.length) throw failed[0].error;
for (const { uploadURL } of successful) console.log(uploadURL);
