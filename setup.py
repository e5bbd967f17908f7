"""Package metadata, read from settings.ini: the one place where it is written down."""
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here/"settings.ini", encoding="utf8")
cfg = config["DEFAULT"]
words = lambda key: cfg.get(key, "").split()

setup(
    name=cfg["lib_name"], version=cfg["version"], description=cfg["description"],
    long_description=(here/"README.md").read_text(encoding="utf8"), long_description_content_type="text/markdown",
    keywords=cfg["keywords"], author=cfg["author"], author_email=cfg["author_email"], url=cfg["git_url"],
    license="Apache-2.0", python_requires=f">={cfg['min_python']}", zip_safe=False,
    packages=find_packages(include=[cfg["lib_path"], cfg["lib_path"] + ".*"]), package_data={cfg["lib_path"]: ["petnet/*", "lessons/static/*", "toolbox/static/*", "toolbox/engine/*"]},
    install_requires=words("requirements"),
    extras_require={"dev": words("dev_requirements"), "bench": words("bench_requirements"),
                    "toolbox": words("toolbox_requirements")},
    entry_points={"console_scripts": words("console_scripts"), "nbdev": [f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"]},
    classifiers=["Development Status :: 3 - Alpha", "Intended Audience :: Education", "Intended Audience :: Developers",
                 "Natural Language :: English", "Framework :: Jupyter", "Topic :: Scientific/Engineering :: Artificial Intelligence",
                 *(f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14))],
)
