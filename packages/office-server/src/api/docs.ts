import { createRequire } from "node:module";
import { dirname } from "node:path";
import { Router, static as serveFiles } from "express";
import helmet from "helmet";
import { createOpenApi } from "./openapi.ts";

const SWAGGER_UI = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));

const page = (base: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Office Scheduler API</title>
<link rel="stylesheet" href="${base}/swagger-ui.css">
<link rel="icon" href="${base}/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="${base}/swagger-ui-bundle.js"></script>
<script src="${base}/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({
  url: new URL("../openapi.json", document.currentScript.src).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
});
`;

/** `/openapi.json` and `/docs`, a page that explains it. Nothing comes from elsewhere. */
export function docsRouter(): Router {
  const document = JSON.stringify(createOpenApi());
  const router = Router();
  router.get("/openapi.json", (_request, response) => {
    response.type("json").send(document);
  });
  // What the page draws carries styles of its own.
  router.use(
    "/docs",
    helmet.contentSecurityPolicy({
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:"],
        objectSrc: ["'none'"],
        frameAncestors: ["'none'"],
      },
    }),
  );
  router.get("/docs/start.js", (_request, response) => {
    response.type("js").send(START);
  });
  router.get("/docs", (request, response) => {
    response.type("html").send(page(`${request.baseUrl}/docs`));
  });
  router.use("/docs", serveFiles(SWAGGER_UI, { index: false }));
  return router;
}
