//! How much processor time a server on this machine has used, as Linux tells it in /proc. Not here: any other system, or
//! another machine: nothing is told of those.

use std::fs;
use std::net::{IpAddr, SocketAddr};

/// Parts of a second in which Linux tells processor time (USER_HZ, the same on all its platforms).
const TICKS_PER_SECOND: u64 = 100;

/// The process that listens on an address of this machine.
pub(super) struct Process(u32);

impl Process {
    /// The one behind this address, where it can be told.
    pub(super) fn listening_on(address: SocketAddr) -> Option<Self> {
        Self::with_socket(address).or_else(Self::only_other)
    }

    fn with_socket(address: SocketAddr) -> Option<Self> {
        let table = match address.ip() {
            IpAddr::V4(_) => fs::read_to_string("/proc/net/tcp"),
            IpAddr::V6(_) => fs::read_to_string("/proc/net/tcp6"),
        };
        let link = format!("socket:[{}]", socket(&table.ok()?, address)?);
        processes()
            .find(|id| {
                let files = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
                files
                    .filter_map(|file| fs::read_link(file.path()).ok())
                    .any(|target| target.as_os_str() == link.as_str())
            })
            .map(Self)
    }

    /// The only other process of this program. A server keeps its open files from everybody but root.
    fn only_other() -> Option<Self> {
        let name = |id: &str| fs::read_to_string(format!("/proc/{id}/comm")).ok();
        let own = name("self")?;
        let mut others = processes()
            .filter(|id| *id != std::process::id() && name(&id.to_string()).as_ref() == Some(&own));
        match (others.next(), others.next()) {
            (Some(only), None) => Some(Self(only)),
            _ => None,
        }
    }

    /// Microseconds of processor time since it began, to the nearest 10,000.
    pub(super) fn cpu_us(&self) -> Option<u64> {
        let Self(id) = self;
        cpu_us(&fs::read_to_string(format!("/proc/{id}/stat")).ok()?)
    }
}

/// The ids of all processes that can be seen.
fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The inode of the socket that listens on the address, in what /proc/net/tcp says.
fn socket(table: &str, address: SocketAddr) -> Option<&str> {
    // Addresses are in the machine's byte order, four bytes at a time; where it listens on all of them they are zero.
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let ip = match address.ip() {
        IpAddr::V4(ip) => word(ip.octets()),
        IpAddr::V6(ip) => ip.octets().as_chunks::<4>().0.iter().map(|bytes| word(*bytes)).collect(),
    };
    let port = format!("{:04X}", address.port());
    let (own, all) = (format!("{ip}:{port}"), format!("{}:{port}", "0".repeat(ip.len())));
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_listening = fields.get(3) == Some(&"0A");
        let is_here = fields.get(1).is_some_and(|local| *local == own || *local == all);
        if is_listening && is_here { fields.get(9).copied() } else { None }
    })
}

/// The 14th and 15th field, counted behind the name, which may hold anything.
fn cpu_us(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let fields: Vec<u64> = behind_name
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    let [user, system] = fields[..] else { return None };
    Some((user + system) * (1_000_000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_leads_to_its_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let Process(id) = Process::listening_on(listener.local_addr().unwrap()).unwrap();
        assert_eq!(id, std::process::id());
        assert!(Process(id).cpu_us().is_some());
        assert!(Process(0).cpu_us().is_none());
    }

    #[test]
    fn a_name_cannot_shift_the_fields() {
        let stat = "7 (a) 1 2 (b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(cpu_us(stat), Some(3_000_000));
        assert_eq!(cpu_us("7 (a"), None);
    }

    #[test]
    fn sockets_are_found_by_address_or_for_all_addresses() {
        let table = "  sl  local_address rem_address   st\n\
                     0: 0100007F:1640 0100007F:9999 01 0 0 0 0 0 11 1\n\
                     1: 0100007F:1640 00000000:0000 0A 0 0 0 0 0 22 1\n\
                     2: 00000000:20FB 00000000:0000 0A 0:0 0:0 0 0 0 33 1\n";
        assert_eq!(socket(table, "127.0.0.1:5696".parse().unwrap()), Some("22"));
        assert_eq!(socket(table, "127.0.0.1:8443".parse().unwrap()), Some("33"));
        assert_eq!(socket(table, "127.0.0.1:1".parse().unwrap()), None);
    }
}
