# The image that `docker build .` makes anywhere and that Dokku makes on `git push`.
#
# What is left out is left out on purpose: EXPOSE would move the app's public port, an ENTRYPOINT
# would swallow the Procfile's commands, STOPSIGNAL would change how a release is told to drain, and
# VOLUME would mount a nameless volume that looks lasting and is thrown away at the next deploy.

ARG BUILD_IMAGE=rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

# Dependencies alone, against an empty crate: this stage holds until Cargo.toml or Cargo.lock change.
# The benchmarks that the manifest declares are not part of an image.
FROM ${BUILD_IMAGE} AS dependencies
# Tests build with the profile of which they have the dependencies already.
ARG PROFILE=release
WORKDIR /app
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[bench\]\]/,/^$/d' Cargo.toml \
 && mkdir src \
 && echo '//! Stands in for the library while its dependencies are built.' > src/lib.rs \
 && echo 'fn main() {}' > src/main.rs \
 && cargo build --locked --profile "$PROFILE"

# A checkout may be older than the stage above, so the sources are touched: otherwise cargo would
# take the empty crate for the newer one and ship it.
FROM dependencies AS build
ARG PROFILE=release
COPY build.rs askama.toml ./
COPY src src
COPY templates templates
RUN touch build.rs src/lib.rs src/main.rs \
 && cargo build --locked --profile "$PROFILE" \
 && cp target/*/wharfside /wharfside

FROM ${RUNTIME_IMAGE}
WORKDIR /app
COPY Procfile app.json ./

# The same relative path as in a buildpack build, so that one Procfile line fits both.
COPY --from=build /wharfside target/release/wharfside
RUN ln -s /app/target/release/wharfside /usr/local/bin/wharfside \
 && install -d -o 32767 -g 32767 /storage

ENV STORAGE_DIR=/storage
USER 32767:32767
CMD ["env", "HOST=0.0.0.0", "./target/release/wharfside", "serve"]
