"""The template and the style of the API's page: plain HTML, no script, nothing from elsewhere."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ document.info.title }} API {{ document.info.version }}</title>
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<header>
<h1>{{ document.info.title }} API</h1>
<p>{{ document.info.description }} As a document for programs: <a href="/openapi.json">openapi.json</a>.</p>
</header>
<main>
{% for path, operations in document.paths.items() %}{% for method, operation in operations.items() %}
<details id="{{ operation.operationId }}">
<summary><b class="{{ method }}">{{ method|upper }}</b> <code>{{ path }}</code> <span>{{ operation.summary }}</span></summary>
<p>{{ operation.description }}</p>
{% if operation.parameters %}
<h3>Parameters</h3>
<table>{% for p in operation.parameters %}
<tr><td><code>{{ p.name }}</code></td><td>{{ p.in }}{{ ", required" if p.required }}</td><td><code>{{ p.schema|tojson }}</code></td></tr>
{% endfor %}</table>
{% endif %}
{% if operation.requestBody %}
<h3>Body</h3>
{% for kind, content in operation.requestBody.content.items() %}<p><code>{{ kind }}</code></p>{{ shape(content.schema) }}{% endfor %}
{% endif %}
<h3>Answers</h3>
{% for status, answer in operation.responses.items() %}
<p><b>{{ status }}</b> {{ answer.description }}</p>
{% for kind, content in (answer.content or {}).items() %}{{ shape(content.schema) }}{% endfor %}
{% endfor %}
</details>
{% endfor %}{% endfor %}
<h2>Shapes</h2>
{% for name, schema in document.components.schemas.items() %}
<details id="schema-{{ name }}"><summary><code>{{ name }}</code></summary><pre>{{ schema|tojson(indent=2) }}</pre></details>
{% endfor %}
</main>
</body>
</html>
"""

# Jinja macros are part of the page, so that the template stays one text.
PAGE = (
    """{% macro shape(schema) %}{% if schema["$ref"] %}{% set name = schema["$ref"].split("/")[-1] %}
<p><a href="#schema-{{ name }}">{{ name }}</a></p>{% else %}<pre>{{ schema|tojson(indent=2) }}</pre>{% endif %}{% endmacro %}"""
    + PAGE
)

STYLE = """
:root { color-scheme: light dark; --line: #8884; --ink: #1f6f5c; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h3 { margin: 1rem 0 .25rem; font-size: .9rem; }
details { border-bottom: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; }
summary span { opacity: .75; }
summary b { font-size: .75rem; min-width: 3.5rem; color: var(--ink); }
b.delete { color: #b3261e; }
pre { overflow-x: auto; background: #8881; padding: .75rem; border-radius: .4rem; font-size: .85rem; }
table { border-collapse: collapse; } td { padding: .2rem 1rem .2rem 0; vertical-align: top; }
a { color: var(--ink); }
"""
