# The web app. It speaks HTTP with the API and shares nothing with it, so it is an image of its own.
ARG PYTHON_IMAGE=python:3.12-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements-frontend.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements-frontend.txt \
    && find /opt/venv -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} + \
    && rm -rf /opt/venv/lib/python3*/site-packages/pyarrow/include /opt/venv/include
COPY frontend /opt/signet/frontend
COPY client/signet_client /opt/signet/signet_client
COPY compose/probe.py /opt/signet/probe.py
RUN python -m compileall -q /opt/signet && chmod -R a+rX /opt/signet \
    && install -d -m 0700 -o 10001 -g 10001 /made/var/lib/signet /made/var/lib/signet/certs /made/var/lib/signet/data

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Signet: web app" \
      org.opencontainers.image.description="The web app of a self-hosted platform that puts a learning algorithm to work" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/signet \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    SIGNET_HOME=/var/lib/signet \
    SIGNET_BIND=0.0.0.0
COPY --from=build /made/ /
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/signet /opt/signet
WORKDIR /opt/signet
USER 10001:10001
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=6s --start-period=120s --start-interval=1s --retries=3 \
    CMD ["python", "-I", "/opt/signet/probe.py", "https", "localhost:8501", "/_stcore/health", "/var/lib/signet/certs/ca.pem"]
ENTRYPOINT ["python", "-m", "frontend.launch"]
