# syntax=docker/dockerfile:1

# Same Debian as the final image, so that the binary finds the glibc it was linked with.
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
# program allocates. No shell, no package manager; certificates are inside the binary.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/vt4ai /vt4ai

# By number (distroless's `nonroot`), so that Kubernetes' `runAsNonRoot` can check it.
USER 65532:65532

# A container's loopback is not reachable from outside. With VT4AI_API_KEY set, this makes the gateway refuse to start
# unless VT4AI_ALLOW_ANONYMOUS=true: whoever reaches the port could spend the key.
ENV VT4AI_HOST=0.0.0.0
EXPOSE 8000

# The binary asks itself: there is no shell and no curl here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/vt4ai", "healthcheck"]

ENTRYPOINT ["/vt4ai"]
