"""MLflow's deployment client. Token, certificate and authority it reads from variables of its own."""

import json

from caller import URL
from mlflow.deployments import get_deploy_client

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
NAMES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
BODIES = {
    "split": {"dataframe_split": {"columns": NAMES, "data": ROWS}},
    "records": {"dataframe_records": [dict(zip(NAMES, row, strict=True)) for row in ROWS]},
    "instances": {"instances": ROWS},
    "inputs": {"inputs": {name: [row[place] for row in ROWS] for place, name in enumerate(NAMES)}},
}

client = get_deploy_client(URL)
refused = "not refused"
try:
    client.predict(endpoint="iris", inputs={"instances": [[1.0, 2.0, "3", 4.0]]})
except Exception as error:  # what it raises is what is shown
    refused = str(error)
print(
    json.dumps(
        {
            "answers": {name: client.predict(endpoint="iris", inputs=body) for name, body in BODIES.items()},
            "refused": refused,
        }
    )
)
