# The product's one image: every program, Node, and what the programs run. `docker build -t opencontrail:dev .`
# The lab builds the same image without Docker from the lines below (test/lab/image/recipe.ts reads the ARG PACKAGES
# line and each COPY of a folder), so a change here is a change there.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
# Half of the modules' files are declarations, source maps and documentation, which nothing reads at run time.
RUN npm run build:plugin && npm prune --omit=dev \
  && find node_modules -type f -regextype egrep -regex '.*\.(map|md|d\.[cm]?ts)' -delete

FROM debian:bookworm-slim
ARG PACKAGES="bird2 ca-certificates conntrack haproxy iproute2 iputils-ping nftables redis-server socat tcpdump"
RUN apt-get update && apt-get install -y --no-install-recommends ${PACKAGES} && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/opencontrail
COPY --from=build /usr/local/bin/node ./bin/node
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist/opencontrail-cni ./cni/opencontrail-cni
COPY tools/opencontrail ./bin/opencontrail
COPY tools/kubectl-contrail ./bin/kubectl-contrail
COPY package.json ./package.json
COPY runtime ./runtime
COPY kubernetes ./kubernetes
COPY contrail ./contrail
COPY certs ./certs
COPY webhooks ./webhooks
COPY workers ./workers
COPY vrouter ./vrouter
COPY cni ./cni
COPY proxy ./proxy
COPY bgp ./bgp
COPY cli ./cli
ENV NODE_ENV=production
ENTRYPOINT ["/opt/opencontrail/bin/opencontrail"]
