"""Packages infra/template.yaml and deploys it to the local engine through CloudFormation.

Does what `aws cloudformation package` and `aws cloudformation deploy` do, and nothing they do not: the template
stays the one that goes to AWS. Reads one JSON request on stdin; writes one JSON object per line on stdout:
{"progress": "..."} while it works, then {"result": {...}} or {"error": "..."}.
"""

import concurrent.futures
import hashlib
import io
import json
import pathlib
import sys
import time
import zipfile

import boto3
import botocore.config
import botocore.exceptions
from samtranslator.yaml_helper import yaml_parse

POLL_SECONDS = 0.1
DEADLINE_SECONDS = 300
FAILURE_BEYOND_OUR_CONTROL = ("cancelled", "canceled")


class Refused(Exception):
    """A reason that the person at the terminal can act on."""


def say(**line):
    print(json.dumps(line), flush=True)


def main():
    request = json.load(sys.stdin)
    try:
        say(result=deploy(request))
    except Refused as refused:
        say(error=str(refused))
        return 1
    except OSError as missing:
        say(error=f"{missing.filename}: {missing.strerror}")
        return 1
    except botocore.exceptions.ClientError as refused:
        say(error=" ".join(refused.response["Error"]["Message"].split()))
        return 1
    except botocore.exceptions.BotoCoreError as failed:
        say(error=" ".join(str(failed).split()))
        return 1
    return 0


def deploy(request):
    clients = Clients(request)
    template_path = pathlib.Path(request["template"])
    template = yaml_parse(template_path.read_text(encoding="utf-8"))
    bucket = Bucket(clients.s3, request["bucket"])
    folders = package(template, template_path.parent, bucket, request)
    body = json.dumps(template, default=str).encode()
    bucket.put(f"template/{digest(body)}.json", body)
    url = f"{request['endpoint']}/{request['bucket']}/template/{digest(body)}.json"
    changed = apply(clients.cloudformation, url, template.get("Parameters", {}), request)
    resources = physical_resources(clients.cloudformation, request["stack"])
    if changed:
        honour_what_the_engine_drops(clients, template, resources)
    return {
        "changed": changed,
        "outputs": outputs(clients.cloudformation, request["stack"]),
        "resources": resources,
        "functions": {folder: resources[logical]["id"] for logical, folder in folders.items() if logical in resources},
    }


class Clients:
    def __init__(self, request):
        config = botocore.config.Config(
            retries={"total_max_attempts": 1},
            connect_timeout=5,
            read_timeout=120,
            s3={"addressing_style": "path"},
            max_pool_connections=16,
        )

        def client(service):
            return boto3.client(
                service,
                endpoint_url=request["endpoint"],
                region_name=request["region"],
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=config,
            )

        self.s3 = client("s3")
        self.cloudformation = client("cloudformation")
        self.dynamodb = client("dynamodb")
        self.lambda_ = client("lambda")


# ---- packaging: local paths become objects named by their content -------------------------------------------


class Bucket:
    def __init__(self, s3, name):
        self.s3, self.name = s3, name
        try:
            s3.head_bucket(Bucket=name)
            listed = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
            self.held = {entry["Key"] for page in listed for entry in page.get("Contents", [])}
        except botocore.exceptions.ClientError:
            s3.create_bucket(
                Bucket=name,
                CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name},
            )
            self.held = set()

    def put(self, key, body):
        """Uploads unless the object is there: its key names its content, so it cannot be stale."""
        if key not in self.held:
            self.s3.put_object(Bucket=self.name, Key=key, Body=body() if callable(body) else body)
            self.held.add(key)
        return f"s3://{self.name}/{key}"


def package(template, base, bucket, request):
    """Uploads what the template names by a local path; answers each function's folder by its logical id."""
    functions = {
        logical: resource["Properties"]
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
        and isinstance(resource["Properties"].get("CodeUri"), str)
    }
    digests, folders = Digests(pathlib.Path(request["digests"])), {}

    def upload(logical, properties):
        code = (base / properties["CodeUri"]).resolve()
        bootstrap = code / "bootstrap"
        if not bootstrap.is_file():
            raise Refused(f"{logical}: {bootstrap} is missing: no binary of that name was built")
        folders[logical] = code.name
        key = f"functions/{code.name}-{digests.of(bootstrap)}.zip"
        properties["CodeUri"] = bucket.put(key, lambda: zipped(bootstrap))

    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        uploads = [pool.submit(upload, logical, properties) for logical, properties in functions.items()]
        for number, done in enumerate(concurrent.futures.as_completed(uploads), start=1):
            done.result()
            say(progress=f"packaged {number} of {len(uploads)} functions")
    digests.save()
    include(template, base, bucket)
    return folders


def include(node, base, bucket):
    """AWS::Include reads from S3 only; the file goes there as JSON, which has no shorthand to trip over."""
    if isinstance(node, list):
        for child in node:
            include(child, base, bucket)
    if not isinstance(node, dict):
        return
    transform = node.get("Fn::Transform")
    if isinstance(transform, dict) and transform.get("Name") == "AWS::Include":
        parameters = transform["Parameters"]
        if isinstance(parameters["Location"], str) and not parameters["Location"].startswith("s3://"):
            path = base / parameters["Location"]
            body = json.dumps(yaml_parse(path.read_text(encoding="utf-8")), default=str).encode()
            parameters["Location"] = bucket.put(f"include/{path.stem}-{digest(body)}.json", body)
    for child in node.values():
        include(child, base, bucket)


class Digests:
    """What a binary's content hashes to, remembered by its size and time of change: hashing them all takes seconds."""

    def __init__(self, path):
        self.path = path
        try:
            self.known = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            self.known = {}

    def of(self, path):
        stat = path.stat()
        mark = [stat.st_size, stat.st_mtime_ns]
        entry = self.known.get(str(path))
        if not entry or entry["mark"] != mark:
            entry = {"mark": mark, "digest": digest(path.read_bytes())}
            self.known[str(path)] = entry
        return entry["digest"]

    def save(self):
        self.path.write_text(json.dumps(self.known), encoding="utf-8")


def digest(content):
    return hashlib.blake2b(content, digest_size=10).hexdigest()


def zipped(bootstrap):
    """Stored, not deflated: the engine unpacks it at each cold start, which would take as long as the rest of it."""
    archive = io.BytesIO()
    entry = zipfile.ZipInfo("bootstrap", date_time=(2020, 1, 1, 0, 0, 0))
    entry.external_attr = 0o100755 << 16
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        file.writestr(entry, bootstrap.read_bytes())
    return archive.getvalue()


# ---- deployment: one change set, watched to its end ---------------------------------------------------------


def apply(cloudformation, template_url, declared, request):
    """Creates or updates the stack; answers whether anything changed."""
    stack = request["stack"]
    kind = "UPDATE" if usable(cloudformation, stack) else "CREATE"
    change_set = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=f"local-{time.time_ns()}",
        ChangeSetType=kind,
        TemplateURL=template_url,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in request["parameters"].items()
            if key in declared
        ],
    )["Id"]
    described = settled(lambda: cloudformation.describe_change_set(ChangeSetName=change_set))
    if described["Status"] == "FAILED":
        reason = described.get("StatusReason", "no reason given")
        if "didn't contain changes" in reason or "No updates" in reason:
            cloudformation.delete_change_set(ChangeSetName=change_set)
            return False
        raise Refused(f"CloudFormation refuses the template: {reason}")
    seen = {event["EventId"] for event in events(cloudformation, stack)}
    cloudformation.execute_change_set(ChangeSetName=change_set)
    watch(cloudformation, stack, seen, len(described.get("Changes", [])))
    return True


def usable(cloudformation, stack):
    """Whether there is a stack to update. One that failed to come up can only be deleted."""
    try:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except botocore.exceptions.ClientError:
        return False
    if status in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        return False
    return status != "DELETE_COMPLETE"


def settled(describe):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        described = describe()
        if not described["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            return described
        time.sleep(POLL_SECONDS)
    raise Refused(f"the change set was not ready after {DEADLINE_SECONDS} s")


def watch(cloudformation, stack, seen, expected):
    done, first_failure = set(), None
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        # The status is read before the events: an end that is seen here has all its events below.
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        for event in reversed(events(cloudformation, stack)):
            if event["EventId"] in seen:
                continue
            seen.add(event["EventId"])
            if first_failure is None and is_cause(event):
                first_failure = event
            if event["ResourceStatus"].endswith("_COMPLETE") and event["LogicalResourceId"] != stack:
                done.add(event["LogicalResourceId"])
        say(progress=f"{len(done)} of {expected} resources")
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("_IN_PROGRESS"):
            raise Refused(explain(first_failure, status))
        time.sleep(POLL_SECONDS)
    raise Refused(f"the deployment was not done after {DEADLINE_SECONDS} s")


def is_cause(event):
    reason = event.get("ResourceStatusReason", "").lower()
    return event["ResourceStatus"].endswith("_FAILED") and not any(
        word in reason for word in FAILURE_BEYOND_OUR_CONTROL
    )


def explain(failure, status):
    if failure is None:
        return f"the deployment ended as {status} and no resource says why"
    reason = " ".join(failure.get("ResourceStatusReason", "no reason given").split())
    return f"{failure['LogicalResourceId']} ({failure['ResourceType']}) failed: {reason}"


def events(cloudformation, stack):
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    return [event for page in pages for event in page["StackEvents"]]


def physical_resources(cloudformation, stack):
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        resource["LogicalResourceId"]: {
            "type": resource["ResourceType"],
            "id": resource.get("PhysicalResourceId", ""),
        }
        for page in pages
        for resource in page["StackResourceSummaries"]
    }


def outputs(cloudformation, stack):
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


# ---- what the engine's CloudFormation accepts and then forgets -----------------------------------------------


def honour_what_the_engine_drops(clients, template, resources):
    for logical, resource in template["Resources"].items():
        physical = resources.get(logical, {}).get("id")
        properties = resource.get("Properties", {})
        expiry = properties.get("TimeToLiveSpecification")
        if physical and expiry and resource["Type"] == "AWS::DynamoDB::Table":
            described = clients.dynamodb.describe_time_to_live(TableName=physical)
            if described["TimeToLiveDescription"].get("TimeToLiveStatus") != "ENABLED":
                clients.dynamodb.update_time_to_live(TableName=physical, TimeToLiveSpecification=expiry)
        reserved = properties.get("ReservedConcurrentExecutions")
        if physical and isinstance(reserved, int) and resource["Type"] == "AWS::Serverless::Function":
            clients.lambda_.put_function_concurrency(
                FunctionName=physical, ReservedConcurrentExecutions=reserved
            )


if __name__ == "__main__":
    sys.exit(main())
