//! Asking witnesses to cosign the checkpoints of the journal, so that no other history can be shown to anybody later, not even
//! by whoever holds this server's keys. One that is slow, absent or contradicts holds up no request. Not here: being a
//! witness (witness), and the arithmetic (keyreeve-store's audit).
//!
//! INVARIANT: what is asked makes no entry of the journal, or each answer would be the cause of the next question.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use keyreeve_core::ports::crypto::Crypto;
use keyreeve_store::Store;
use keyreeve_store::audit::{self, AddCheckpoint, Note, NoteKey};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::config::{self, Config};
use crate::listen::{Fetcher, HttpsUrl, Shutdown};
use crate::server_identity::read_authorities;
use crate::start::StartError;

/// Time between two rounds, where there is something to cosign.
const ROUND_EVERY: Duration = Duration::from_secs(2);

/// The witnesses of one server.
#[derive(Default)]
pub struct Witnesses {
    all: Vec<Arc<Witness>>,
    /// How many make a checkpoint a witnessed one.
    needed: usize,
}

/// Who is asked.
struct Witness {
    url: HttpsUrl,
    key: NoteKey,
    fetcher: Fetcher,
    known: Mutex<Known>,
}

/// What is known of a witness.
#[derive(Default)]
struct Known {
    /// Leaves of the tree that it has cosigned last, as far as it said.
    size: u64,
    /// Why it does not cosign.
    trouble: Option<String>,
}

impl Witnesses {
    /// Those that the configuration names.
    ///
    /// # Errors
    /// [`StartError`] for a file that holds no authorities, and for more witnesses than there are.
    pub fn configured(config: &Config) -> Result<Self, StartError> {
        let witnesses = config.audit.witnesses.iter();
        let all: Vec<_> =
            witnesses.map(|witness| Witness::new(witness).map(Arc::new)).collect::<Result<_, _>>()?;
        let needed = match config.audit.witnesses_needed {
            0 => all.len(),
            needed => usize::from(needed),
        };
        if needed > all.len() {
            let text = format!("audit.witnesses_needed is {needed}, and {} witnesses are named", all.len());
            return Err(StartError::Value(text));
        }
        Ok(Self { all, needed })
    }

    /// Asks them from now on, until the server stops; nothing where there are none.
    pub(crate) fn run(
        self: &Arc<Self>,
        (store, crypto): (&Arc<Store>, &Arc<dyn Crypto>),
        shutdown: &Shutdown,
        tasks: &mut JoinSet<()>,
    ) {
        if self.all.is_empty() {
            return;
        }
        let (witnesses, mut shutdown) = (self.clone(), shutdown.clone());
        let (store, crypto) = (store.clone(), crypto.clone());
        tasks.spawn(async move {
            let mut done = 0;
            loop {
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = tokio::time::sleep(ROUND_EVERY) => {}
                }
                tokio::select! {
                    () = shutdown.requested() => return,
                    size = witnesses.round(&store, &crypto, done) => done = size,
                }
            }
        });
    }

    /// Asks all of them to cosign the newest checkpoint, where it is newer than the one that is kept, and keeps it with what they
    /// answered where as many have as are needed. Gives how many leaves that one covers.
    async fn round(&self, store: &Arc<Store>, crypto: &Arc<dyn Crypto>, done: u64) -> u64 {
        let looked = blocking(store, |store| store.newest_checkpoint()).await;
        // The store tells of its own failure, and a store without keys signs no checkpoints.
        let Ok((size, mut note)) = looked else { return done };
        if size == done {
            return done;
        }
        let asked = Arc::new((size, note.clone()));
        let mut asking = JoinSet::new();
        for witness in &self.all {
            let (witness, asked) = (witness.clone(), asked.clone());
            let (store, crypto) = (store.clone(), crypto.clone());
            asking.spawn(async move { witness.ask((&store, &*crypto), &asked).await });
        }
        let mut cosigned = 0;
        while let Some(answered) = asking.join_next().await {
            if let Ok(Some(line)) = answered {
                note.signatures.push(line);
                cosigned += 1;
            }
        }
        if cosigned < self.needed {
            return done;
        }
        match blocking(store, move |store| store.keep_witnessed(&note)).await {
            Ok(()) => size,
            Err(error) => {
                warn!(%error, "a checkpoint that was witnessed could not be kept");
                done
            }
        }
    }

    /// For REST.
    pub fn to_json(&self) -> Vec<Value> {
        let told = |witness: &Arc<Witness>| {
            let known = witness.known.lock();
            json!({ "name": witness.key.name, "url": witness.url.to_string(), "size": known.size, "trouble": known.trouble })
        };
        self.all.iter().map(told).collect()
    }

    /// What is wrong, for doctor.
    pub fn troubles(&self) -> impl Iterator<Item = String> {
        self.all.iter().filter_map(|witness| {
            let known = witness.known.lock();
            known
                .trouble
                .as_ref()
                .map(|trouble| format!("the witness {} does not cosign: {trouble}", witness.key.name))
        })
    }
}

impl Witness {
    fn new(configured: &config::Witness) -> Result<Self, StartError> {
        let refused = |why: String| StartError::Value(format!("the witness {}: {why}", configured.url));
        let url = format!("{}/add-checkpoint", configured.url.trim_end_matches('/'));
        let url = HttpsUrl::parse(&url).map_err(|why| refused(why.to_owned()))?;
        let key = NoteKey::parse(&configured.key).map_err(|error| refused(error.public().to_owned()))?;
        let authorities = read_authorities(&configured.ca_file).map_err(refused)?;
        // Only the configuration names it: it may well be next door.
        let fetcher = Fetcher::new(authorities, true)?;
        Ok(Self { url, key, fetcher, known: Mutex::default() })
    }

    /// Its cosignature, where it gives one; else why not is told once.
    async fn ask(
        &self,
        with: (&Arc<Store>, &dyn Crypto),
        (size, note): &(u64, Note),
    ) -> Option<audit::NoteSignature> {
        let asked = self.cosigned(with, *size, note).await;
        let mut known = self.known.lock();
        match asked {
            Ok(line) => {
                if known.trouble.take().is_some() {
                    info!(witness = self.key.name, "the witness cosigns again");
                }
                known.size = *size;
                Some(line)
            }
            Err(trouble) => {
                if known.trouble.as_ref() != Some(&trouble) {
                    warn!(witness = self.key.name, %trouble, "a witness does not cosign the journal's checkpoints");
                }
                known.trouble = Some(trouble);
                None
            }
        }
    }

    async fn cosigned(
        &self,
        (store, crypto): (&Arc<Store>, &dyn Crypto),
        size: u64,
        note: &Note,
    ) -> Result<audit::NoteSignature, String> {
        let mut old = self.known.lock().size;
        // After a start of either of us it says where it stands.
        for _ in 0..2 {
            let proof = blocking(store, move |store| store.consistency(old, size)).await;
            let proof = proof.map_err(|error| error.public().to_owned())?;
            let asked = AddCheckpoint { old, proof, note: note.clone() };
            let (status, answer) = self.fetcher.post(&self.url, asked.to_text()).await?;
            match status {
                StatusCode::OK => return audit::cosignature(&answer, note, &self.key, crypto),
                StatusCode::CONFLICT => {
                    let said =
                        std::str::from_utf8(&answer).ok().and_then(|text| text.trim().parse::<u64>().ok());
                    let said = said.ok_or("its answer 409 says no size")?;
                    if said > size || said == old {
                        // The gravest thing that it can say.
                        return Err(format!(
                            "it has cosigned another journal of {said} entries: this folder is an older copy, or another \
                             continuation, of the one that it has seen"
                        ));
                    }
                    old = said;
                }
                StatusCode::UNPROCESSABLE_ENTITY => {
                    let what = "what it cosigned before is no beginning of this journal: somebody has changed it since";
                    return Err(what.to_owned());
                }
                StatusCode::NOT_FOUND => {
                    return Err("it knows no such log: give it `keyreeve audit keys`".to_owned());
                }
                StatusCode::FORBIDDEN => {
                    return Err("it knows other keys of this log: give it `keyreeve audit keys`".to_owned());
                }
                other => return Err(format!("it answered {other}")),
            }
        }
        Err("others ask it to cosign the same log meanwhile".to_owned())
    }
}

/// Works with the store where it may wait for the disk.
async fn blocking<T: Send + 'static>(
    store: &Arc<Store>,
    work: impl FnOnce(&Store) -> keyreeve_core::Result<T> + Send + 'static,
) -> keyreeve_core::Result<T> {
    let store = store.clone();
    let done = tokio::task::spawn_blocking(move || work(&store)).await;
    done.unwrap_or_else(|error| Err(keyreeve_core::Error::internal(error)))
}
