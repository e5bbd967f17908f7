"""Package metadata, read from settings.ini: the one place where it is written down."""
import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here/"settings.ini", encoding="utf8")
cfg = config["DEFAULT"]
package = cfg["lib_path"]


def words(key):
    "The words of a setting, which stand between spaces"
    return cfg.get(key, "").split()


def extras():
    "Sets of packages that are asked for by name, as in catsdogs[toolbox]"
    ending = "_requirements"
    return {key.removesuffix(ending): words(key) for key in cfg if key.endswith(ending)}


def package_page(readme):
    "README.md with addresses that hold outside the repository: pictures as files, everything else as pages"
    repository = cfg["git_url"].replace("https://github.com/", "")
    picture = rf"\1https://raw.githubusercontent.com/{repository}/{cfg['branch']}/"
    page = rf"\1{cfg['git_url']}/blob/{cfg['branch']}/"
    relative = r"(?!https?:|mailto:|#)"
    readme = re.sub(rf"(!\[[^\]]*\]\(){relative}", picture, readme)
    return re.sub(rf"((?<!!)\[[^\]]*\]\(){relative}", page, readme)


setup(
    name=cfg["lib_name"],
    version=cfg["version"],
    description=cfg["description"],
    long_description=package_page((here/"README.md").read_text(encoding="utf8")),
    long_description_content_type="text/markdown",
    keywords=cfg["keywords"],
    author=cfg["author"],
    author_email=cfg["author_email"],
    url=cfg["git_url"],
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=f">={cfg['min_python']}",
    packages=find_packages(include=[package, f"{package}.*"]),
    # an editable install then adds this folder to Python's path: a folder called catsdogs elsewhere does not hide it
    package_dir={"": "."},
    package_data={package: ["py.typed", "petnet/*", "lessons/static/*", "toolbox/static/*", "toolbox/engine/*"]},
    zip_safe=False,
    install_requires=words("requirements"),
    extras_require=extras(),
    entry_points={
        "console_scripts": words("console_scripts"),
        "nbdev": [f"{cfg['lib_name']}={package}._modidx:d"],
    },
    project_urls={
        "Changelog": f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md",
        "Documentation": f"{cfg['doc_host']}{cfg['doc_baseurl']}",
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Framework :: Jupyter",
        "Intended Audience :: Developers",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Natural Language :: English",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3 :: Only",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)
