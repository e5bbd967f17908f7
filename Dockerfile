# A server with the network that ships:
#   docker build -t catsdogs .
#   docker run --rm -p 127.0.0.1:8000:8000 catsdogs
# A run of your own: docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/runs/mine:/run-folder:ro" catsdogs /run-folder
FROM python:3.12-slim
COPY settings.ini setup.py pyproject.toml README.md CHANGELOG.md CITATION.cff LICENSE MANIFEST.in /src/
COPY catsdogs /src/catsdogs
RUN pip install --no-cache-dir torch torchvision --index-url https://download.pytorch.org/whl/cpu \
 && pip install --no-cache-dir '/src[serve]' \
 && rm -rf /src
USER nobody
ENV CATSDOGS_CACHE=/tmp/catsdogs
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health')"]
# the container's own address has to be open to the machine outside; -p above keeps it there
ENTRYPOINT ["catsdogs", "serve", "--host", "0.0.0.0"]
