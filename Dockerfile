# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/sim-mcp
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --extra postgres --extra telemetry --no-install-project
COPY README.md LICENSE ./
COPY prompts ./prompts
COPY sim_mcp ./sim_mcp
RUN uv sync --locked --no-dev --extra postgres --extra telemetry --no-editable

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="sim-mcp" \
      org.opencontainers.image.description="An MCP server for emnify SIM cards" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin sim \
    && install -d -o 10001 -m 700 /var/lib/sim-mcp
COPY --from=build /opt/sim-mcp /opt/sim-mcp
ENV PATH=/opt/sim-mcp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SIM_MCP_APPROVAL_PAGE=0 \
    SIM_MCP_STATE_DIR=/var/lib/sim-mcp
# The record of changes has to outlive the container. The page is off because one on the machine of the server could not
# be reached from outside the container; where people sign in, it is at the public address, and SIM_MCP_APPROVAL_PAGE=1.
VOLUME /var/lib/sim-mcp
USER 10001
WORKDIR /tmp
# Not readiness: a container that is restarted makes no refused token good, and each look would sign in at emnify.
HEALTHCHECK --interval=60s --timeout=20s --start-period=10s CMD ["sim-mcp", "health", "--alive"]
# stdio by default: docker run -i --rm -e EMNIFY_APPLICATION_TOKEN sim-mcp
# Over HTTP behind a proxy: serve --http --stateless --host 0.0.0.0, as in deploy/compose.yaml.
EXPOSE 8000
ENTRYPOINT ["sim-mcp"]
