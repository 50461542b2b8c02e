//! nginx as a plain reverse proxy: the least that a proxy can cost here.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::on_target_core;

/// Keep-alive on both sides, no buffering of answers, no log.
pub(super) fn write_config(folder: &Path, listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<()> {
    let folder_text = folder.display();
    let config = format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder_text}/nginx.pid;
error_log /dev/null;
events {{ worker_connections 9000; }}
http {{
    access_log off;
    client_body_temp_path {folder_text}/body;
    proxy_temp_path {folder_text}/proxy;
    fastcgi_temp_path {folder_text}/fastcgi;
    uwsgi_temp_path {folder_text}/uwsgi;
    scgi_temp_path {folder_text}/scgi;
    client_max_body_size 25m;
    client_body_buffer_size 1m;
    keepalive_requests 1000000000;
    upstream bedrock {{
        server {upstream};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {listen} backlog=4096;
        location / {{
            proxy_pass http://bedrock;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"
    );
    Ok(fs::write(folder.join("nginx.conf"), config)?)
}

pub(super) fn command(program: &Path, folder: &Path) -> Command {
    let mut command = on_target_core(program);
    command.arg("-e").arg("/dev/null").arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
    command
}
