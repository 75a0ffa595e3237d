# The image that web, worker and beat share. Nothing is compiled: every dependency comes as a hash-checked wheel.

FROM python:3.13-slim AS packages
WORKDIR /app
COPY requirements.txt .
# Without pip of its own, so that the finished image has none.
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements.txt

# The look's files need npm, which comes as a wheel too; the static files are collected and compressed here.
FROM packages AS static
COPY requirements-local.txt .
RUN python -m venv --without-pip /tools \
    && python -m pip --python /tools/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements-local.txt
COPY package.json package-lock.json ./
COPY manage.py ./
COPY governance governance
COPY scanning scanning
COPY templates templates
COPY static static
RUN /tools/bin/python -m governance.local assets \
    && SECRET_KEY=used-by-nothing-but-this-command-which-signs-nothing-at-all \
        /venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf governance/local node_modules static/vendor \
    && find . -name __pycache__ -type d -prune -exec rm -rf {} +

FROM python:3.13-slim
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip \
    && groupadd --gid 10001 portwarden \
    && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin portwarden
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=governance.settings \
    STATIC_ROOT=/app/staticfiles \
    HOME=/tmp
WORKDIR /app
COPY --from=packages /venv /venv
COPY LICENSE ./
COPY --from=static /app/manage.py ./
COPY --from=static /app/governance governance
COPY --from=static /app/scanning scanning
COPY --from=static /app/templates templates
COPY --from=static /app/static static
COPY --from=static /app/staticfiles staticfiles
RUN python -m compileall -q /app/governance /app/scanning
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "governance.wsgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
    "--workers", "2", "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--timeout", "60", "--graceful-timeout", "30", \
    "--preload", "--no-control-socket"]
