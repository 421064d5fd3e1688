"""Docker and @devcontainers/cli as far as the runner uses them: called as ``docker`` or ``devcontainer``.

Keeps its world in world.json beside itself: containers [{id, status, labels, hooks}], images, version, buildx, calls,
fail (what is to fail: build, or ``up`` with a hook, run or silent), slow (seconds). Like the real ones it uses an
existing container again whatever changed, and never runs a failed hook again.
"""

import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).absolute().parent
WORLD = HERE / "world.json"
world = json.loads(WORLD.read_text())
program, args = Path(sys.argv[0]).name, sys.argv[1:]
world["calls"].append([program, *args])


def end(code=0, out="", err=""):
    WORLD.write_text(json.dumps(world))
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.exit(code)


def value(option):
    return args[args.index(option) + 1]


def docker():
    if args[0] == "version":
        end(out=world["version"])
    if args[:2] == ["buildx", "version"]:
        end(out="v1") if world["buildx"] else end(1, err="docker: 'buildx' is not a docker command.")
    if args[0] == "ps":
        wanted = [arg.split("label=", 1)[1] for arg in args if arg.startswith("--filter")]
        end(out="\n".join(f"{c['id']} {c['status']}" for c in world["containers"] if set(wanted) <= set(c["labels"])))
    if args[:2] == ["image", "inspect"]:
        found = world["images"].get(args[-1])
        end(out=found) if found else end(1, err=f"Error: No such image: {args[-1]}")
    if args[0] == "inspect":
        running = [c for c in world["containers"] if c["id"] == args[-1] and c["status"] == "running"]
        end(out="true" if running else "false")
    if args[0] == "stop":
        for container in world["containers"]:
            container["status"] = "exited" if container["id"] in args else container["status"]
        end()
    if args[0] == "rm":
        world["containers"] = [c for c in world["containers"] if c["id"] not in args]
        end()
    end(1, err=f"unknown: {args}")


def devcontainer():
    if args == ["--version"]:
        end(out=world.get("cli", "0.89.0"))
    world["environment"] = {name: os.environ.get(name) for name in ("DOCKER_BUILDKIT", "TMPDIR")}
    if args[0] == "build":
        if world.get("fail") == "build":
            end(1, json.dumps({"outcome": "error", "message": "Command failed: docker build", "description": "No."}))
        world["images"]["vsc-x"] = "sha256:x"
        end(out=json.dumps({"outcome": "success", "imageName": ["vsc-x"]}))
    labels = [
        f"devcontainer.local_folder={value('--workspace-folder')}",
        f"devcontainer.config_file={value('--config')}",
    ]
    if "--remove-existing-container" in args:
        world["containers"] = [c for c in world["containers"] if c["labels"] != labels]
    found = [c for c in world["containers"] if c["labels"] == labels]
    if not found:
        world["made"] = world.get("made", 0) + 1
        found = [{"id": f"c{world['made']}", "status": "created", "labels": labels, "hooks": []}]
        world["containers"] += found
        for written in world.get("writes", {}).items():
            (Path(value("--workspace-folder")) / written[0]).write_text(written[1])
    container, fail = found[0], world.get("fail")
    if world.get("slow"):
        WORLD.write_text(json.dumps(world))
        time.sleep(world["slow"])
    if fail == "silent":
        end(1, err="Unknown argument: nonsense")
    if fail == "run" or (container["status"] == "created" and container.get("broken")):
        container["broken"] = True
        end(1, json.dumps({"outcome": "error", "message": "Command failed: docker run", "description": "An error."}))
    started = container["status"] != "running"
    container["status"] = "running"
    for hook in ["postCreate"] * ("postCreate" not in container["hooks"]) + ["postStart"] * started:
        container["hooks"].append(hook)
        if fail == hook:
            error = {"outcome": "error", "message": f"{hook}Command failed", "description": f"The {hook} failed."}
            end(1, json.dumps(error), f"\x1b[31mtoken={os.environ.get('TOKEN')}\x1b[0m\nmake: no rule")
    merged = {"mergedConfiguration": {"remoteEnv": {"APP": "x"}}} if "--include-merged-configuration" in args else {}
    user = {"remoteUser": "vscode", "remoteWorkspaceFolder": "/workspaces/x", **merged}
    end(out=json.dumps({"outcome": "success", "containerId": container["id"], **user}))


docker() if program == "docker" else devcontainer()
