"""The technologies of generated posts, with details that their operators would know."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stack:
    """One technology.

    name: plural, as a subject ("Django services"). kind: decides which problems it has (Problem.fits).
    examples: the files of examples/ whose code is right for it. unit: the piece of work that it does, with its
    article. place: where that work runs. parts: other things that an article about it names, as (name, type) pairs.
    probe: a shell command that looks at it. facts: sentences that are true of this technology alone.
    checks: items for a checklist that make sense for this technology alone.
    """

    name: str
    area: str
    kind: str
    language: str
    examples: tuple
    unit: str
    place: str
    tools: tuple
    parts: tuple
    probe: str
    facts: tuple
    checks: tuple


STACKS = (
    Stack(
        "Django services", "backend", "service", "python", ("python",), "a view", "the web workers",
        ("Django", "Gunicorn", "PostgreSQL", "pytest-django", "Ruff", "Sentry", "Git"),
        (("Django ORM", "library"), ("WSGI", "standard")),
        "python manage.py check --deploy",
        (
            "A queryset does nothing until it is read, so the line that is slow is often far from the line that is wrong.",
            "Middleware runs for every request, also for those that end in a redirect, and its cost is paid each time.",
            "A signal handler is a call that nobody sees at the place where it happens.",
        ),
        ("look at the middleware order", "run the deployment check with the production settings"),
    ),
    Stack(
        "FastAPI services", "backend", "service", "python", ("python",), "an endpoint", "the event loop",
        ("FastAPI", "Uvicorn", "Pydantic", "HTTPX", "pytest", "Ruff", "OpenTelemetry"),
        (("OpenAPI", "standard"), ("ASGI", "standard")),
        "curl --silent --output /dev/null --write-out '%{time_total}\\n' http://127.0.0.1:8000/healthz",
        (
            "One blocking call in an async function stops every other request of the process until it returns.",
            "A dependency that opens a connection has to close it on the path of the exception too.",
            "The response model is a filter: what it does not name never leaves the service.",
        ),
        ("look for blocking calls in async code", "compare the response model with what leaves"),
    ),
    Stack(
        "Flask applications", "backend", "service", "python", ("python",), "a route", "the application process",
        ("Flask", "Gunicorn", "SQLAlchemy", "Alembic", "pytest", "Ruff"),
        (("Werkzeug", "library"), ("Jinja", "library")),
        "flask --app wsgi routes",
        (
            "The application context ends with the request, and whatever was kept on it is gone for the background thread.",
            "Blueprints divide the addresses of an application; they do not divide its configuration.",
            "The development server is a tool for one person and answers one mistake with a console.",
        ),
        ("list the routes before and after", "try it without the application context"),
    ),
    Stack(
        "Celery workers", "background work", "worker", "python", ("python",), "a task", "the worker pool",
        ("Celery", "Redis", "RabbitMQ", "Flower", "pytest", "Prometheus"),
        (("AMQP", "standard"), ("acks_late", "setting")),
        "celery --app project inspect active",
        (
            "A task that is acknowledged late runs again after a crash, which is right only when running twice is harmless.",
            "Prefetching hands a worker more tasks than it can start, and a long one holds the short ones back.",
            "A result backend that nobody reads is a second database with no owner.",
        ),
        ("look at prefetch and late acknowledgement together", "stop a worker in the middle of a task"),
    ),
    Stack(
        "Airflow pipelines", "data engineering", "pipeline", "python", ("python",), "a task instance", "the scheduler",
        ("Airflow", "PostgreSQL", "pandas", "pytest", "Great Expectations", "Git"),
        (("DAG", "concept"), ("data interval", "concept")),
        "airflow dags list-import-errors",
        (
            "The file of a pipeline is read again every few seconds, so work at its top level is done all day.",
            "A run belongs to an interval of data and not to the moment when it starts.",
            "Catching up after a pause is a decision; left to a default, it is a surprise.",
        ),
        ("list the import errors after the change", "clear one task and let it run again"),
    ),
    Stack(
        "pandas reports", "data analysis", "pipeline", "python", ("python",), "a report step", "the notebook server",
        ("pandas", "PyArrow", "DuckDB", "Jupyter", "pytest", "Matplotlib"),
        (("Parquet", "format"), ("Arrow", "format")),
        "python -X importtime -c 'import pandas'",
        (
            "A column of mixed types becomes a column of objects, and each of its operations a loop.",
            "A merge without a check of its keys multiplies rows and no line of the report says so.",
            "Reading only the columns that are used is the cheapest optimisation there is.",
        ),
        ("check the keys before each merge", "look at the types of the columns after reading"),
    ),
    Stack(
        "SQLite applications", "embedded data", "data", "python", ("sqlite",), "a transaction", "the one writer",
        ("SQLite", "Litestream", "Python", "pytest", "sqlite3"),
        (("write-ahead log", "concept"), ("rollback journal", "concept")),
        "sqlite3 site.db 'PRAGMA quick_check; PRAGMA journal_mode;'",
        (
            "There is one writer at a time, so a transaction that thinks is a transaction that makes others wait.",
            "The file, its log and its shared memory belong together; copying one of the three is no backup.",
            "A reader that never ends keeps the log from being folded back, and the log grows.",
        ),
        ("ask for the journal mode after connecting", "copy the database through its own backup call"),
    ),
    Stack(
        "Redis caches", "infrastructure", "store", "python", ("python",), "a lookup", "the cache node",
        ("Redis", "redis-cli", "memtier_benchmark", "Prometheus", "Grafana"),
        (("eviction policy", "concept"), ("append-only file", "concept")),
        "redis-cli --latency-history -i 5",
        (
            "One command that walks all keys stops every other client for as long as it takes.",
            "An eviction policy that was never chosen refuses writes on the day when memory runs out.",
            "Keys without a lifetime are a database that nobody decided to run.",
        ),
        ("read the eviction policy that is in force", "count the keys without a lifetime"),
    ),
    Stack(
        "RabbitMQ consumers", "messaging", "worker", "python", ("python",), "a message", "the consumer",
        ("RabbitMQ", "Pika", "Prometheus", "Grafana", "pytest"),
        (("dead-letter exchange", "concept"), ("AMQP", "standard")),
        "rabbitmqctl list_queues name messages_ready messages_unacknowledged",
        (
            "A message that is refused and put back comes first again, and can keep a queue busy with itself.",
            "Without a prefetch limit the fastest consumer takes everything, and holds it while it is slow.",
            "A queue that survives a restart needs durable queues and persistent messages, both of them.",
        ),
        ("set a prefetch limit on each consumer", "look into the dead-letter queue"),
    ),
    Stack(
        "OpenSearch clusters", "search", "store", "python", ("python",), "a query", "the data nodes",
        ("OpenSearch", "OpenSearch Dashboards", "curl", "jq", "Prometheus"),
        (("inverted index", "concept"), ("BM25", "algorithm")),
        "curl --silent 'http://127.0.0.1:9200/_cat/shards?v&s=store:desc' | head",
        (
            "A shard that is too small costs as much to keep as one of a good size.",
            "A mapping that guesses the type of a field can't be corrected without indexing everything again.",
            "Deep pages make every shard sort what nobody will read; a cursor does not.",
        ),
        ("compare the mapping with what is indexed", "look at the size of the shards"),
    ),
    Stack(
        "Node services", "backend", "service", "javascript", ("javascript",), "a request handler", "the event loop",
        ("Node.js", "Fastify", "undici", "ESLint", "Clinic.js", "Git"),
        (("event loop", "concept"), ("libuv", "library")),
        "node --cpu-prof --cpu-prof-dir=profiles server.js",
        (
            "A rejected promise that nobody awaits ends the process, at a line that has nothing to do with it.",
            "Parsing a large JSON body is synchronous work; everyone else waits for it.",
            "Streams slow their source down only when their return values are listened to.",
        ),
        ("await every promise or hand it over", "measure the delay of the event loop"),
    ),
    Stack(
        "Express interfaces", "backend", "service", "javascript", ("javascript",), "a route handler", "the server process",
        ("Express", "Node.js", "Pino", "Zod", "SuperTest", "ESLint"),
        (("middleware", "concept"), ("HTTP", "standard")),
        "npx autocannon --duration 20 --connections 50 http://127.0.0.1:3000/",
        (
            "The order in which middleware is added is the order in which it protects.",
            "An error handler is recognised by its four parameters; with three it is only another handler.",
            "Behind a proxy the address of the client is a header, and believing it is a setting.",
        ),
        ("look at the order of the middleware", "send a request through the real proxy"),
    ),
    Stack(
        "React front ends", "front end", "front", "javascript", ("browser",), "a component", "the browser's main thread",
        ("React", "Vite", "Playwright", "ESLint", "Testing Library", "axe"),
        (("reconciliation", "concept"), ("WCAG 2.2", "standard")),
        "npx vite build --mode production",
        (
            "State that can be computed from other state will sooner or later disagree with it.",
            "An effect that fetches has to be ready for its answer to come after the next one.",
            "A key made of the position tells the library that a moved row is another row.",
        ),
        ("try it with the keyboard alone", "look at the size of the bundle"),
    ),
    Stack(
        "Vue applications", "front end", "front", "javascript", ("browser",), "a component", "the browser's main thread",
        ("Vue", "Vite", "Pinia", "Vitest", "Playwright", "axe"),
        (("reactivity", "concept"), ("WCAG 2.2", "standard")),
        "npx vitest run --coverage",
        (
            "Taking a value out of a reactive object cuts the string that kept it up to date.",
            "A watcher that changes what it watches needs a reason to stop.",
            "A computed value is remembered, and a method is called again; the template does not show which it is.",
        ),
        ("look for watchers that write what they watch", "try it with the keyboard alone"),
    ),
    Stack(
        "Svelte sites", "front end", "front", "javascript", ("browser",), "a page", "the browser's main thread",
        ("Svelte", "SvelteKit", "Vite", "Vitest", "Playwright"),
        (("server rendering", "concept"), ("hydration", "concept")),
        "npm run build && npm run preview",
        (
            "What a load function returns is part of the page's source; a secret in it is published.",
            "A form that posts without a script is the form that works on a bad connection.",
            "The same module runs on the server for everyone and in the browser for one person.",
        ),
        ("read what the load functions give away", "post the form without a script"),
    ),
    Stack(
        "server-rendered pages with htmx", "front end", "front", "javascript", ("browser",), "a fragment", "the page",
        ("htmx", "Playwright", "axe", "nginx", "Git"),
        (("progressive enhancement", "concept"), ("hypermedia", "concept")),
        "curl --silent --header 'HX-Request: true' http://127.0.0.1:8000/list/",
        (
            "The address that gives a fragment can also be opened by hand, and then owes a whole page.",
            "A cache that does not know the request header hands the fragment to somebody who asked for the page.",
            "After a swap the focus is gone unless somebody puts it where the person was.",
        ),
        ("open each fragment's address by hand", "say where the focus goes after a swap"),
    ),
    Stack(
        "Next.js sites", "front end", "front", "typescript", ("typescript",), "a page", "the render server",
        ("Next.js", "React", "TypeScript", "Playwright", "ESLint"),
        (("incremental regeneration", "concept"), ("server components", "concept")),
        "npx next build --profile",
        (
            "Whether a page is static, cached or made anew is decided by what it reads, and changes with one import.",
            "A component for the browser takes everything that it imports along.",
            "An environment variable with the public prefix is text in everybody's browser.",
        ),
        ("look at which pages are static after the build", "search the bundle for private settings"),
    ),
    Stack(
        "NestJS services", "backend", "service", "typescript", ("typescript",), "a controller method", "the server process",
        ("NestJS", "TypeScript", "Jest", "TypeORM", "Pino", "ESLint"),
        (("dependency injection", "concept"), ("OpenAPI", "standard")),
        "npm run test -- --runInBand --detectOpenHandles",
        (
            "A provider that lives as long as a request makes everything above it live as long as a request.",
            "The validation pipe checks classes; a plain interface is gone before it could.",
            "Guards run before interceptors and pipes, which decides what a refused request still costs.",
        ),
        ("look for request-scoped providers", "send a body that the validation pipe must refuse"),
    ),
    Stack(
        "Deno functions", "serverless", "service", "typescript", ("typescript",), "a function call", "the isolate",
        ("Deno", "TypeScript", "deno test", "OpenTelemetry", "Git"),
        (("permissions", "concept"), ("Web APIs", "standard")),
        "deno test --allow-net=127.0.0.1 --parallel",
        (
            "Permissions are given by name on the command line; a broad one is a decision that should be visible in review.",
            "An isolate may be gone after the answer, and with it whatever was still being sent.",
            "The import map is the lock on the front door: without the lock file beside it, it is a wish.",
        ),
        ("read the list of permissions", "check the lock file in the build"),
    ),
    Stack(
        "Go services", "backend", "service", "go", ("go",), "a handler", "the goroutines",
        ("Go", "pprof", "golangci-lint", "Prometheus", "PostgreSQL"),
        (("context", "concept"), ("race detector", "tool")),
        "go test -race ./...",
        (
            "A goroutine without an owner is a leak with a good name.",
            "The zero value of the HTTP client waits for ever.",
            "An error that is wrapped with its place is worth more than one that is logged at three levels.",
        ),
        ("run the tests with the race detector", "give every goroutine an owner"),
    ),
    Stack(
        "gRPC gateways", "backend", "service", "go", ("go",), "a call", "the gateway",
        ("Go", "gRPC", "Buf", "Envoy", "Prometheus"),
        (("Protocol Buffers", "format"), ("HTTP/2", "standard")),
        "buf breaking --against '.git#branch=main'",
        (
            "A field's number is its name; giving it to another field turns old messages into wrong ones.",
            "A balancer that counts connections sends all calls of one client to one server.",
            "Deadlines travel with the call, but only if every service on the way passes its context on.",
        ),
        ("check the schema for breaking changes", "follow one deadline through all services"),
    ),
    Stack(
        "command-line tools in Go", "tooling", "cli", "go", ("go",), "a command", "the user's terminal",
        ("Go", "Cobra", "GoReleaser", "golangci-lint", "Git"),
        (("exit status", "concept"), ("POSIX", "standard")),
        "go build -trimpath -ldflags='-s -w' ./cmd/...",
        (
            "A tool that writes progress to standard output can't be used in a pipe.",
            "The exit status is the only part of the answer that a script reads.",
            "A file that is written in place is half a file whenever the machine stops.",
        ),
        ("pipe the output into another command", "read the exit status in a script"),
    ),
    Stack(
        "Spring Boot services", "backend", "service", "java", ("java",), "a controller method", "the request threads",
        ("Spring Boot", "HikariCP", "JUnit", "Micrometer", "Testcontainers", "Gradle"),
        (("JVM", "runtime"), ("Actuator", "library")),
        "jcmd $(pgrep -f app.jar) Thread.print | head -60",
        (
            "A transaction that is opened by a proxy is not opened when the method is called from its own class.",
            "A pool of ten connections serves more requests than one of a hundred that all wait for the same lock.",
            "Lazy loading outside of the transaction fails; inside of a loop it works, which is worse.",
        ),
        ("look for transactional calls inside one class", "take a thread dump under load"),
    ),
    Stack(
        "Quarkus services", "backend", "service", "java", ("java",), "a resource method", "the event loop and its workers",
        ("Quarkus", "Hibernate", "REST Assured", "Micrometer", "Maven"),
        (("GraalVM", "runtime"), ("MicroProfile", "standard")),
        "mvn verify -Dquarkus.native.container-build=true",
        (
            "What is decided at build time can't be set by a variable at the start.",
            "Reflection that the native image was not told about is missing only in production.",
            "A blocking call on the event loop is reported in the log before it is felt by a user.",
        ),
        ("run the tests against the native image", "list what is fixed at build time"),
    ),
    Stack(
        "Kafka consumers", "streaming", "worker", "java", ("java",), "a record", "the consumer group",
        ("Kafka", "kafka-consumer-groups", "Schema Registry", "JUnit", "Prometheus"),
        (("partition", "concept"), ("consumer lag", "metric")),
        "kafka-consumer-groups.sh --bootstrap-server localhost:9092 --describe --group example",
        (
            "Order is promised inside of a partition and nowhere else.",
            "A consumer that works longer than the poll interval is put out of its group in the middle of its work.",
            "Committing an offset before the work is done loses records; committing it after repeats them.",
        ),
        ("compare the poll interval with the longest record", "watch the lag during a rebalance"),
    ),
    Stack(
        "Laravel applications", "backend", "service", "php", ("php",), "a controller action", "the worker processes",
        ("Laravel", "PHP-FPM", "MySQL", "PHPUnit", "PHPStan", "Composer"),
        (("Eloquent", "library"), ("FPM", "runtime")),
        "php artisan route:list --except-vendor",
        (
            "Configuration that is cached does not read the environment any more, whatever the code asks for.",
            "A queued job carries the key of its model and finds whatever the row has become.",
            "Preventing lazy loading in development turns the slow page of next month into an error of today.",
        ),
        ("run it with the cached configuration", "forbid lazy loading in development"),
    ),
    Stack(
        "Symfony applications", "backend", "service", "php", ("php",), "a controller", "the worker processes",
        ("Symfony", "Doctrine", "PHPUnit", "PHPStan", "Composer", "PHP-FPM"),
        (("service container", "concept"), ("Messenger", "library")),
        "php bin/console debug:container --env=prod --deprecations",
        (
            "The container is compiled; a service that is never asked for is left out.",
            "An entity manager that met an error is closed, and everything after it in a long-running worker fails.",
            "A voter that abstains says nothing, and the strategy decides what silence means.",
        ),
        ("warm the container as in production", "reset the entity manager after an error"),
    ),
    Stack(
        "WordPress plugins", "publishing", "service", "php", ("php",), "a hook", "the page request",
        ("WordPress", "WP-CLI", "PHPUnit", "PHP_CodeSniffer", "Query Monitor"),
        (("hooks", "concept"), ("options table", "concept")),
        "wp cron event list --fields=hook,next_run_relative",
        (
            "Options that are loaded on every request are a tax on every request.",
            "Its scheduled events run when somebody visits, unless the host calls them by the clock.",
            "A nonce shows where a request came from and never whether the person may do it.",
        ),
        ("check the capability beside the nonce", "look at what is autoloaded"),
    ),
    Stack(
        "Rails applications", "backend", "service", "ruby", ("ruby",), "an action", "the Puma threads",
        ("Rails", "Puma", "PostgreSQL", "RuboCop", "strong_migrations", "Git"),
        (("Active Record", "library"), ("Rack", "standard")),
        "bin/rails runner 'puts ActiveRecord::Base.connection_pool.stat'",
        (
            "A callback that sends mail sends it from the console and from every test too.",
            "The number of threads and the size of the pool are one decision that is written in two places.",
            "A scope with a default is a condition that every later query has without showing it.",
        ),
        ("compare threads and connection pool", "run the code without its callbacks"),
    ),
    Stack(
        "Sidekiq workers", "background work", "worker", "ruby", ("ruby",), "a job", "the worker threads",
        ("Sidekiq", "Redis", "Rails", "Minitest", "Prometheus"),
        (("at-least-once delivery", "concept"), ("Redis", "database")),
        "bundle exec sidekiqmon processes",
        (
            "A job that is enqueued inside of a transaction may start before the row that it needs is there.",
            "Arguments pass through JSON: a symbol goes in and a text comes out.",
            "Weights choose among queues by chance; a strict order can starve the last one.",
        ),
        ("enqueue after the commit", "pass only what survives JSON"),
    ),
    Stack(
        "Axum services", "backend", "service", "rust", ("rust",), "a handler", "the Tokio runtime",
        ("axum", "Tokio", "sqlx", "tracing", "Cargo", "Clippy"),
        (("async runtime", "concept"), ("Tower", "library")),
        "cargo clippy --all-targets -- --deny warnings",
        (
            "A guard that is held across an await keeps the lock for as long as the network likes.",
            "A task that is dropped stops at its next await and not at the end of its work.",
            "The order of extractors matters: the one that reads the body comes last.",
        ),
        ("look for guards held across an await", "check the order of the extractors"),
    ),
    Stack(
        "command-line tools in Rust", "tooling", "cli", "rust", ("rust",), "a command", "the user's terminal",
        ("Cargo", "clap", "serde", "Clippy", "cargo-nextest"),
        (("ownership", "concept"), ("exit status", "concept")),
        "cargo nextest run --profile ci",
        (
            "Output that is not buffered asks the system once for every line.",
            "A panic is a bug report for the author and says nothing to the person who typed the command.",
            "Paths are not text; a tool that converts them loses the files that are named differently.",
        ),
        ("replace panics that a user can reach", "try a path that is not UTF-8"),
    ),
    Stack(
        "ASP.NET Core services", "backend", "service", "csharp", ("csharp",), "an endpoint", "the thread pool",
        ("ASP.NET Core", "Entity Framework Core", "xUnit", "dotnet-trace", "OpenTelemetry"),
        ((".NET", "runtime"), ("Kestrel", "server")),
        "dotnet-counters monitor --process-id 1 System.Runtime",
        (
            "Waiting synchronously for a task takes a thread away from the requests that could finish it.",
            "A scoped service that is caught by a singleton lives for ever with the first request's data.",
            "A tracked query remembers every row it has read until the context is gone.",
        ),
        ("look for synchronous waits", "check the lifetimes of the services"),
    ),
    Stack(
        "background services in .NET", "background work", "worker", "csharp", ("csharp",), "a work item", "the host",
        (".NET", "Worker Service", "xUnit", "Serilog", "OpenTelemetry"),
        (("hosted service", "concept"), ("Channels", "library")),
        "dotnet test --logger 'console;verbosity=normal'",
        (
            "An exception that leaves the loop ends the whole host, or silently only the service, by a setting.",
            "The host waits half a minute at its end and then stops waiting.",
            "A timer that fires while the last round still runs needs an answer in the code.",
        ),
        ("throw inside the loop and see what stops", "measure how long stopping takes"),
    ),
    Stack(
        "PostgreSQL databases", "data", "data", "sql", ("sql",), "a statement", "the primary",
        ("PostgreSQL", "psql", "pg_stat_statements", "pgbench", "pgBadger"),
        (("MVCC", "concept"), ("vacuum", "concept")),
        "psql --command \"SELECT calls, mean_exec_time, left(query, 60) FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 10\"",
        (
            "A transaction that stays open keeps every dead row behind it alive.",
            "An update that changes no indexed column can stay on its page; one more index can end that.",
            "The planner is as good as its statistics, and those of two columns that depend on each other are wrong by default.",
        ),
        ("look for old open transactions", "read the plan with buffers"),
    ),
    Stack(
        "multi-tenant PostgreSQL schemas", "data", "data", "sql", ("sql",), "a tenant's query", "the shared cluster",
        ("PostgreSQL", "PgBouncer", "psql", "Flyway", "pg_stat_statements"),
        (("row-level security", "concept"), ("connection pooling", "concept")),
        "psql --command '\\dp' | less",
        (
            "A pooler that hands a connection out per transaction forgets what the session was told.",
            "The largest tenant decides the plan that all the small ones get.",
            "Row-level security does not apply to the owner of the table until it is forced.",
        ),
        ("try it as a tenant's role", "repeat it for the largest tenant"),
    ),
    Stack(
        "dbt projects", "analytics engineering", "pipeline", "sql", ("dbt",), "a model", "the warehouse",
        ("dbt", "SQLFluff", "PostgreSQL", "Git", "Great Expectations"),
        (("lineage", "concept"), ("incremental model", "concept")),
        "dbt build --select state:modified+ --defer --state target-main",
        (
            "An incremental model without a look back loses every row that arrives late.",
            "A test that only warns is read in the first week.",
            "The name of a column is an interface; renaming it downstream of a dashboard is a release.",
        ),
        ("build only what changed and its children", "run the full refresh once on a copy"),
    ),
    Stack(
        "container images", "delivery", "delivery", "docker", ("dockerfile",), "a build", "the build host",
        ("Docker", "BuildKit", "Trivy", "Syft", "hadolint"),
        (("OCI image", "standard"), ("layer", "concept")),
        "docker buildx build --progress=plain --target test .",
        (
            "A file that one layer adds and the next removes is still in the image.",
            "A tag is a name that may move; a digest is the thing itself.",
            "The process with number one gets the signals, and a shell in between keeps them.",
        ),
        ("look into every layer", "stop the container and time it"),
    ),
    Stack(
        "Kubernetes clusters", "platform", "cluster", "yaml", ("kubernetes",), "a workload", "the cluster",
        ("Kubernetes", "kubectl", "Helm", "Kustomize", "Prometheus", "kube-linter"),
        (("controller", "concept"), ("probe", "concept")),
        "kubectl get events --sort-by=.lastTimestamp --all-namespaces | tail -20",
        (
            "A liveness probe that asks the database restarts every pod when the database is slow.",
            "A pod without requests is the first that is ended when the node is full.",
            "The signal to stop and the removal from the service happen side by side, in no order.",
        ),
        ("read the events after the rollout", "drain a node in staging"),
    ),
    Stack(
        "GitHub Actions workflows", "delivery", "delivery", "yaml", ("actions",), "a job", "the runner",
        ("GitHub Actions", "actionlint", "gh", "Docker", "Git"),
        (("OIDC", "standard"), ("continuous integration", "concept")),
        "actionlint .github/workflows/*.yml",
        (
            "Text from a pull request that is pasted into a script is a command by whoever wrote the title.",
            "An action that is named by its tag is whatever that tag names today.",
            "A cache is shared with the branches below, and never with those beside it.",
        ),
        ("pin actions by digest", "read the permissions of each job"),
    ),
    Stack(
        "Terraform modules", "platform", "infrastructure", "hcl", ("terraform",), "a plan", "the state file",
        ("Terraform", "TFLint", "terraform test", "Checkov", "Git"),
        (("state", "concept"), ("provider", "concept")),
        "terraform plan -lock-timeout=60s -out=plan.bin",
        (
            "Counting by position renames everything behind the element that was taken out.",
            "The state holds secrets in clear text, whatever the variable was marked as.",
            "A plan is a promise about the state of the world at the moment when it was made.",
        ),
        ("read the plan to its end", "look at who may read the state"),
    ),
    Stack(
        "Ansible playbooks", "operations", "host", "yaml", ("ansible",), "a play", "the managed hosts",
        ("Ansible", "ansible-lint", "Molecule", "Jinja", "Git"),
        (("idempotence", "concept"), ("inventory", "concept")),
        "ansible-playbook site.yml --check --diff --limit staging",
        (
            "A command task reports a change each time unless it is told how to see one.",
            "Handlers run at the end of the play, and not at all when a task in between fails.",
            "Variables have more than twenty places to come from, and the last one wins.",
        ),
        ("look for tasks that report a change each time", "run it in check mode first"),
    ),
    Stack(
        "nginx edges", "infrastructure", "edge", "nginx", ("nginx",), "a request", "the edge servers",
        ("nginx", "curl", "wrk", "GoAccess", "Certbot"),
        (("reverse proxy", "concept"), ("TLS 1.3", "standard")),
        "nginx -T 2>/dev/null | grep -c server_name",
        (
            "A header that is added in a location replaces all those that were added above it.",
            "A name of an upstream is looked up once, at the start, unless a variable is in the address.",
            "A slash at the end of the proxied address decides what the application sees.",
        ),
        ("test the configuration before the reload", "look at the headers of an error page"),
    ),
    Stack(
        "systemd hosts", "operations", "unit", "ini", ("systemd",), "a unit", "the host",
        ("systemd", "journalctl", "systemd-analyze", "Bash", "logrotate"),
        (("control group", "concept"), ("socket activation", "concept")),
        "systemd-analyze security --no-pager example.service",
        (
            "A dependency says what is started along; only the order says what is started before.",
            "A unit that restarts too often in ten seconds is left alone until somebody asks.",
            "The environment of a service is not that of the person who tested it.",
        ),
        ("read the security score of the unit", "start the unit after a reboot"),
    ),
    Stack(
        "Prometheus servers", "observability", "monitoring", "yaml", ("prometheus",), "a rule", "the rule evaluator",
        ("Prometheus", "promtool", "Alertmanager", "Grafana", "node exporter"),
        (("time series", "concept"), ("histogram", "concept")),
        "promtool check rules rules/*.yml",
        (
            "A label with the id of a user is a time series for each user.",
            "The rate of a sum forgets the restarts that the sum of rates would have seen.",
            "An alert on a series that disappears stops firing exactly when it should start.",
        ),
        ("run the unit tests of the rules", "count the series before and after"),
    ),
    Stack(
        "shell scripts on Linux hosts", "operations", "host", "bash", ("bash",), "a script", "the host",
        ("Bash", "ShellCheck", "cron", "jq", "rsync", "Git"),
        (("POSIX", "standard"), ("exit status", "concept")),
        "shellcheck --severity=style scripts/*.sh",
        (
            "An unquoted variable is split at its spaces, and one day somebody names a folder with one.",
            "A pipe answers with the status of its last command unless it is told to look at all of them.",
            "Cron gives a script another path, another folder and no terminal.",
        ),
        ("run ShellCheck", "try it with a space in every path"),
    ),
)  # fmt: skip
