# The API, the training worker, MLflow's server and the migrations: one image, so that all of them are of one version; the command says which.
ARG PYTHON_IMAGE=python:3.12-slim-trixie

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# The packages first: they change more seldom than our own code. Nothing is resolved and nothing is compiled here: the lock names every
# package with its hashes, and each must have a wheel.
COPY requirements-backend.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-deps --require-hashes --only-binary :all: -r requirements-backend.txt \
    # What no running platform reads: the packages' own tests, and what C programs would be compiled with.
    && find /opt/venv -type d -name tests -path '*/site-packages/*' -prune -exec rm -rf {} + \
    && rm -rf /opt/venv/lib/python3*/site-packages/pyarrow/include /opt/venv/include
COPY backend /opt/signet/backend
COPY compose/probe.py /opt/signet/probe.py
# A read-only root keeps no compiled Python, so it is compiled here; and files that only their owner could read where they come from, are for all.
RUN python -m compileall -q /opt/signet && chmod -R a+rX /opt/signet \
    && install -d -m 0700 -o 10001 -g 10001 /made/run/signet /made/var/lib/signet /made/var/lib/signet/certs /made/var/lib/signet/data \
        /made/var/lib/signet/mlruns /made/var/lib/signet/handout /made/var/lib/signet/handout/proxy /made/var/lib/signet/handout/web-app \
        /made/var/lib/signet/handout/worker /made/var/lib/signet/handout/mlflow

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="Signet: API, worker, MLflow" \
      org.opencontainers.image.description="Self-hosted platform that puts a learning algorithm to work behind sign-in, certificates and a RESTful API" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/signet \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OPENSSL_CONF=/opt/signet/backend/listener/openssl.cnf \
    OMP_WAIT_POLICY=PASSIVE \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    SIGNET_HOME=/var/lib/signet \
    SIGNET_PROXY_SOCKET=/run/signet
# Volumes begin with the owner and the mode of what they cover.
COPY --from=build /made/ /
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/signet /opt/signet
WORKDIR /opt/signet
# A number, so that a platform that refuses root can see that it is none.
USER 10001:10001
HEALTHCHECK --interval=15s --timeout=6s --start-period=180s --start-interval=1s --retries=3 \
    CMD ["python", "-I", "/opt/signet/probe.py", "http", "unix:/run/signet/", "/health/ready"]
ENTRYPOINT ["python", "-m", "backend"]
CMD ["serve"]
