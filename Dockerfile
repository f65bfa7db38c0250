# raftmetrics in a container. Debian 13, because its libmicrohttpd refuses framing that Debian 12's
# takes. The image needs nothing but /data to be writable: run it with a read-only root.
FROM debian:trixie-slim AS build
WORKDIR /src
# The packages first: they change least, and the layer is kept.
COPY .ci/setup .ci/setup
RUN .ci/setup build
COPY Makefile ./
COPY include include
COPY src src
RUN make -j"$(nproc)" && strip build/raftmetrics

FROM debian:trixie-slim
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends libmicrohttpd12t64 libjansson4 libcurl4t64 \
        libssl3t64 libxxhash0 libuv1t64 libraft0 libprotobuf-c1 zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*.log \
    && useradd --system --uid 10001 --user-group --no-create-home --home-dir /data \
        --shell /usr/sbin/nologin raftmetrics \
    && install -d -m 700 -o raftmetrics -g raftmetrics /data
COPY --from=build /src/build/raftmetrics /usr/local/bin/raftmetrics
# A library that is missing above shows here, not at the first start.
RUN raftmetrics --help >/dev/null

ENV LISTEN=0.0.0.0 DATA_DIR=/data PORT=8080
USER raftmetrics
WORKDIR /data
VOLUME /data
EXPOSE 8080
# bash can open a connection itself, so that no HTTP client has to be in the image.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/$PORT && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["raftmetrics"]
CMD ["control"]
