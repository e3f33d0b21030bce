# One image for all roles. Alone it runs on its embedded servers and keeps everything in /data:
#   docker build -t mcphub-llm-api . && docker run --init -p 8080:8080 -v llm-api-data:/data mcphub-llm-api
# With EVENTSTORE_URL, DATABASE_URL and REDIS_URL it uses those; see docker-compose.yml.

FROM node:22-bookworm-slim AS build
WORKDIR /app
# The packages first: they change less often than the sources. There is nothing to build yet, and the build says nothing.
COPY package.json package-lock.json ./
COPY .config/ .config/
RUN npm ci --no-audit --no-fund
COPY src/ src/
COPY projections/ projections/
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules/ node_modules/
COPY --from=build /app/dist/ dist/
# The image's own unprivileged user, by number, so that "runAsNonRoot" can be checked.
RUN install -d -o 1000 -g 1000 -m 0700 /data
USER 1000:1000
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--enable-source-maps", "--max-old-space-size=1024", "dist/src/main.js"]
