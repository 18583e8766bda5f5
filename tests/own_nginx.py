"""An nginx of one test or benchmark alone."""

import os
import shutil

# Said at the end of a run where it is missing; .ci/run installs it.
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
MISSING = "nginx is missing. On Debian and Ubuntu: apt-get install nginx-light"
FRAME = """
{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {lines}
}}
"""


def nginx_command(folder, lines):
    """Write a configuration into `folder`; return the command of an nginx that uses it. lines: the block http."""
    # Otherwise its workers are another person than root, whom the folder keeps out.
    user = "user root; " if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(FRAME.format(folder=folder, user=user, lines=lines))
    return [NGINX, "-p", str(folder), "-c", str(config)]
