//! Tables of what is reached over the network.

use serde_json::{Value, json};

use super::{AGE, Columns, NAME, SELECTOR, age, labels, made, or_none, selector, string};
use crate::rehearsal::api::object::{Object, list, number, text};

/// How many addresses a cell shows.
const SHOWN: usize = 3;

pub(super) const SERVICE: Columns =
    made(&[NAME, string("Type"), string("Cluster-IP"), string("External-IP"), string("Port(s)"), AGE, SELECTOR], |service, now| {
        let ip = match service.text("/spec/clusterIPs/0") {
            "" => service.text("/spec/clusterIP"),
            ip => ip,
        };
        let ports: Vec<String> = service.list("/spec/ports").iter().map(port).collect();
        vec![
            json!(service.name()),
            json!(service.text("/spec/type")),
            json!(or_none(ip)),
            json!(external(service)),
            json!(or_none(&ports.join(","))),
            age(service, now),
            json!(labels(service.value(), "/spec/selector")),
        ]
    });

fn port(port: &Value) -> String {
    let (number, protocol) = (number(port, "/port").unwrap_or(0), text(port, "/protocol"));
    match super::number_at(port, "/nodePort") {
        0 => format!("{number}/{protocol}"),
        outside => format!("{number}:{outside}/{protocol}"),
    }
}

fn external(service: &Object) -> String {
    let mut all: Vec<&str> = Vec::new();
    match service.text("/spec/type") {
        "ExternalName" => return service.text("/spec/externalName").to_owned(),
        "LoadBalancer" => {
            all.extend(service.list("/status/loadBalancer/ingress").iter().map(address));
            all.extend(service.list("/spec/externalIPs").iter().filter_map(Value::as_str));
            return if all.is_empty() { "<pending>".to_owned() } else { all.join(",") };
        }
        _ => all.extend(service.list("/spec/externalIPs").iter().filter_map(Value::as_str)),
    }
    or_none(&all.join(",")).to_owned()
}

fn address(ingress: &Value) -> &str {
    match text(ingress, "/ip") {
        "" => text(ingress, "/hostname"),
        ip => ip,
    }
}

/// The first few, and how many more there are.
fn few(all: &[String], none: &str) -> String {
    let shown = all[..all.len().min(SHOWN)].join(",");
    match all.len().saturating_sub(SHOWN) {
        0 if shown.is_empty() => none.to_owned(),
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

pub(super) const ENDPOINTS: Columns = made(&[NAME, string("Endpoints"), AGE], |endpoints, now| {
    let mut all = Vec::new();
    for subset in endpoints.list("/subsets") {
        let (addresses, ports) = (list(subset, "/addresses"), list(subset, "/ports"));
        if ports.is_empty() {
            all.extend(addresses.iter().map(|a| text(a, "/ip").to_owned()));
        }
        for port in ports {
            let number = number(port, "/port").unwrap_or(0);
            all.extend(addresses.iter().map(|a| match text(a, "/ip") {
                ip if ip.contains(':') => format!("[{ip}]:{number}"),
                ip => format!("{ip}:{number}"),
            }));
        }
    }
    vec![json!(endpoints.name()), json!(few(&all, "<none>")), age(endpoints, now)]
});

pub(super) const ENDPOINT_SLICE: Columns = made(&[NAME, string("AddressType"), string("Ports"), string("Endpoints"), AGE], |slice, now| {
    let port = |port: &Value| match (number(port, "/port"), text(port, "/name")) {
        (Some(number), _) => number.to_string(),
        (None, "") => "*".to_owned(),
        (None, name) => name.to_owned(),
    };
    let ports: Vec<String> = slice.list("/ports").iter().map(port).collect();
    let addresses: Vec<String> = slice
        .list("/endpoints")
        .iter()
        .flat_map(|endpoint| list(endpoint, "/addresses").iter().filter_map(Value::as_str).map(str::to_owned))
        .collect();
    vec![
        json!(slice.name()),
        json!(slice.text("/addressType")),
        json!(few(&ports, "<unset>")),
        json!(few(&addresses, "<unset>")),
        age(slice, now),
    ]
});

pub(super) const INGRESS: Columns =
    made(&[NAME, string("Class"), string("Hosts"), string("Address"), string("Ports"), AGE], |ingress, now| {
        let hosts: Vec<String> =
            ingress.list("/spec/rules").iter().map(|r| text(r, "/host").to_owned()).filter(|host| !host.is_empty()).collect();
        let addresses: Vec<&str> = ingress.list("/status/loadBalancer/ingress").iter().map(address).collect();
        vec![
            json!(ingress.name()),
            json!(or_none(ingress.text("/spec/ingressClassName"))),
            json!(few(&hosts, "*")),
            json!(addresses.join(",")),
            json!(if ingress.list("/spec/tls").is_empty() { "80" } else { "80, 443" }),
            age(ingress, now),
        ]
    });

pub(super) const INGRESS_CLASS: Columns = made(&[NAME, string("Controller"), string("Parameters"), AGE], |class, now| {
    let parameters = match (class.text("/spec/parameters/kind"), class.text("/spec/parameters/apiGroup")) {
        ("", _) => "<none>".to_owned(),
        (kind, "") => format!("{kind}/{}", class.text("/spec/parameters/name")),
        (kind, group) => format!("{kind}.{group}/{}", class.text("/spec/parameters/name")),
    };
    vec![json!(class.name()), json!(class.text("/spec/controller")), json!(parameters), age(class, now)]
});

pub(super) const NETWORK_POLICY: Columns = made(&[NAME, string("Pod-Selector"), AGE], |policy, now| {
    vec![json!(policy.name()), json!(selector(policy.value(), "/spec/podSelector")), age(policy, now)]
});
