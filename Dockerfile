# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# The dependencies only, in a layer that is rebuilt if Cargo.toml or Cargo.lock changes. Cargo requires the file of the
# bench that Cargo.toml declares, although it does not build it.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src benches \
    && echo 'fn main() {}' | tee src/main.rs > benches/pipeline.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

COPY src src
COPY templates templates
# Copied files keep their modification time, and cargo does not rebuild sources older than the build of the dummy.
RUN find src templates -type f -exec touch {} + \
    && cargo build --release --locked

# An empty directory for VT4AI_CACHE_DIR: a new volume that is mounted there gets its owner.
# The libraries that the loader needs are listed by `ldd`, because their paths depend on the architecture.
RUN mkdir /image \
    && install -d -o 65532 -g 65532 -m 700 /image/var/lib/vt4ai \
    && cp target/release/vt4ai /image/ \
    && ldd /image/vt4ai | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory=/image

# No base image is needed: certificates are part of the binary, and glibc resolves names without nsswitch.conf, by the
# /etc/hosts and /etc/resolv.conf that the container engine provides.
FROM scratch
COPY --from=build /image /

# By number: there is no /etc/passwd, and Kubernetes' `runAsNonRoot` requires one.
USER 65532:65532

# A container's loopback is not reachable from outside. On any other address, a gateway with a VirusTotal key refuses to
# start unless VT4AI_CLIENTS_FILE says which callers may use the key, or VT4AI_ALLOW_ANONYMOUS=true admits all of them.
ENV VT4AI_HOST=0.0.0.0
EXPOSE 8000

# The binary checks itself, because the image has no shell and no curl.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/vt4ai", "healthcheck"]

ENTRYPOINT ["/vt4ai"]
