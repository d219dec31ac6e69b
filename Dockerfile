# syntax=docker/dockerfile:1

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src

# The dependencies alone, in a layer that only a change of Cargo.toml or Cargo.lock rebuilds. The bench is declared in
# Cargo.toml, so cargo wants its file although it builds none.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src benches \
    && echo 'fn main() {}' | tee src/main.rs > benches/pipeline.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

COPY src src
COPY templates templates
# Copied files keep their age, and cargo takes sources older than the dummy's build for built.
RUN find src templates -type f -exec touch {} + \
    && cargo build --release --locked

# glibc rather than a static musl build: musl's allocator is slow under several threads, and buffers are what this
# program allocates. What the loader asks for is named by `ldd`, since the paths differ from one architecture to another.
RUN mkdir /image \
    && cp target/release/vt4ai /image/ \
    && ldd /image/vt4ai | grep -o '/[^ ]*' | xargs cp --parents --dereference --target-directory=/image

# From nothing: no base image has as little as that. Certificates are inside the binary, and glibc looks names up without
# nsswitch.conf, in what the container is given as /etc/hosts and /etc/resolv.conf.
FROM scratch
COPY --from=build /image /

# By number: there is no /etc/passwd, and Kubernetes' `runAsNonRoot` can check nothing else.
USER 65532:65532

# A container's loopback is not reachable from outside. With a key of its own, this makes the gateway refuse to start
# unless it is told who may spend it: VT4AI_CLIENTS_FILE, or VT4AI_ALLOW_ANONYMOUS=true for whoever reaches the port.
ENV VT4AI_HOST=0.0.0.0
EXPOSE 8000

# The binary asks itself: there is no shell and no curl here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/vt4ai", "healthcheck"]

ENTRYPOINT ["/vt4ai"]
