//! The signal to stop, from the one who decides to all who work. Not here: what each does about it.

use tokio::sync::watch;

/// Asks for a shutdown; dropping it asks too, so that nothing runs on without its owner.
pub struct ShutdownTrigger(watch::Sender<bool>);

/// Tells a worker that a shutdown was asked for.
#[derive(Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A trigger and the signal that it sets off.
pub fn shutdown_signal() -> (ShutdownTrigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (ShutdownTrigger(sender), Shutdown(receiver))
}

impl ShutdownTrigger {
    /// Asks all holders of the signal to finish what is open and stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether a shutdown was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until a shutdown is asked for; safe to drop and call again.
    pub async fn requested(&mut self) {
        // An error means that the trigger is gone, which asks for a shutdown as well.
        let _ = self.0.wait_for(|requested| *requested).await;
    }
}
