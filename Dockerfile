# syntax=docker/dockerfile:1
# Two stages: the bundles are made with everything that a build needs; what runs is Node and the bundles, nothing else.
FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install script is needed: Node is in the image, and esbuild's binary is a package.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY esbuild.mjs ./
COPY scripts ./scripts
COPY src ./src
RUN node esbuild.mjs --production

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Qwen Proxy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/qwen-proxy/qwen-openai-proxy"
WORKDIR /app
COPY LICENSE ./
COPY --from=build /build/dist/cli.js /build/dist/server.js /build/dist/team.js /build/dist/tokenizer.js ./dist/
COPY --from=build /build/dist/qwen3-vocabulary.br /build/dist/THIRD-PARTY-NOTICES.txt ./dist/
# The one folder that is written to; everything else may be read-only.
RUN install -d -o node -g node -m 0700 /data
USER node
# Others reach the container: serving needs an API_KEY, which is not part of an image.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 QWEN_PROXY_HOME=/data LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 8080) + '/health').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["serve"]
