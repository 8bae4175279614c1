//! The worker behind automatic top-ups. The row is the intent and is written first; what has happened at Stripe is read
//! from the invoice each time, so whoever goes on after a crash, a timeout or another node does what is left to do.
//! There is one invoice for an intent, and Stripe takes the money for an invoice once.

use std::time::Duration;

use domain::invoice::Status;
use domain::money::Money;
use domain::plan::PackId;
use domain::time::Seconds;
use domain::top_up::Pause;
use futures::StreamExt;
use futures::stream;
use tokio::sync::watch;

use crate::server::App;
use crate::server::clock::Clock;
use crate::server::error::Error;
use crate::server::store::{Actor, Reserved, TopUp};
use crate::server::stripe::{self, Bill, NewBill};

/// How often the worker looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many are charged side by side.
const SIDE_BY_SIDE: usize = 8;

/// Works until `stop` changes.
pub async fn work(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(error) = work_once(&app).await {
            tracing::error!(%error, "the automatic top-ups could not be worked off; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => return,
        }
    }
}

async fn work_once(app: &App) -> Result<(), Error> {
    while app.store.top_ups_waiting(Clock::wall()).await? {
        let claimed = stream::iter(app.store.claim_top_ups(Clock::wall()).await?);
        let done: Vec<Result<(), Error>> =
            claimed.map(|top_up| work_on(app, top_up)).buffer_unordered(SIDE_BY_SIDE).collect().await;
        done.into_iter().collect::<Result<(), Error>>()?;
    }
    Ok(())
}

async fn work_on(app: &App, top_up: TopUp) -> Result<(), Error> {
    let (id, attempts) = (top_up.id.clone(), top_up.attempts);
    if let Err(error) = buy(app, top_up).await {
        tracing::warn!(top_up = id, attempts, %error, "it is not known whether a top-up was charged; asking again");
        app.store.top_up_later(&id, backoff(attempts), Clock::wall()).await?;
    }
    Ok(())
}

/// 5 s, 10 s, 20 s … at most an hour.
fn backoff(attempts: i64) -> Seconds {
    Seconds((5_i64 << (attempts - 1).clamp(0, 10)).min(3600))
}

/// Brings a top-up to its end, from wherever it is.
async fn buy(app: &App, top_up: TopUp) -> Result<(), Error> {
    if let Some((pack, money)) = &top_up.charge {
        return charge(app, &top_up, pack, money).await;
    }
    match app.store.reserve_top_up(&top_up, app.catalog.clone(), app.clock.now()).await? {
        Reserved::Nothing => Ok(()),
        Reserved::Capped { month, until, cap } => {
            let mails = app.capped_mails(&top_up, &cap, until).await?;
            Ok(app.store.top_up_capped(&top_up, (month, until), cap, mails, app.moment()).await?)
        }
        Reserved::Refused(reason) => pause(app, &top_up, reason, None).await,
        Reserved::Charge(top_up) => match &top_up.charge {
            Some((pack, money)) => charge(app, &top_up, pack, money).await,
            None => Ok(()),
        },
    }
}

async fn charge(app: &App, top_up: &TopUp, pack: &PackId, money: &Money) -> Result<(), Error> {
    let customer = app.store.organization(&top_up.organization).await?.and_then(|known| known.customer);
    let Some(customer) = customer else { return pause(app, top_up, Pause::NoPaymentMethod, None).await };
    let bill = match bill_of(app, top_up, pack, money, &customer).await {
        Ok(Some(bill)) => bill,
        Ok(None) => return Ok(()),
        // The customer was deleted at Stripe, or the draft by us before we were stopped.
        Err(Error::Stripe(error)) if error.is_missing() => {
            let (reason, said) = top_up.failed.clone().unwrap_or((Pause::NoPaymentMethod, None));
            return pause(app, top_up, reason, said).await;
        }
        Err(error) => return Err(error),
    };
    match bill.invoice.status {
        Status::Paid => credit(app, top_up, bill).await,
        Status::Void | Status::Uncollectible => {
            let (reason, said) = top_up.failed.clone().unwrap_or((Pause::NotPaid, None));
            give_up(app, top_up, &bill, reason, said).await
        }
        Status::Draft | Status::Open => match top_up.failed.clone() {
            Some((reason, said)) => give_up(app, top_up, &bill, reason, said).await,
            None => collect(app, top_up, pack, money, &customer, bill).await,
        },
    }
}

/// The one invoice of a top-up; `None` where somebody else has come first.
async fn bill_of(
    app: &App,
    top_up: &TopUp,
    pack: &PackId,
    money: &Money,
    customer: &str,
) -> Result<Option<Bill>, Error> {
    if let Some(invoice) = &top_up.invoice {
        return Ok(Some(app.stripe.bill(invoice).await?));
    }
    // Whoever was stopped between making it and noting it made it all the same.
    let found = if top_up.attempts > 1 { app.stripe.find_bill(customer, &top_up.id).await? } else { None };
    let bill = match found {
        Some(bill) => bill,
        None => draft(app, top_up, pack, money, customer).await?,
    };
    if app.store.top_up_billed(&top_up.id, &bill.invoice.id).await? {
        return Ok(Some(bill));
    }
    tracing::warn!(top_up = top_up.id, invoice = bill.invoice.id, "a top-up has another invoice; this one is dropped");
    app.stripe.drop_bill(&bill, &key(top_up, "drop-second")).await?;
    Ok(None)
}

async fn draft(app: &App, top_up: &TopUp, pack: &PackId, money: &Money, customer: &str) -> Result<Bill, Error> {
    let name = app.catalog.pack(pack).map_or(pack.as_str(), |pack| pack.name.as_str());
    let description = format!("Automatic top-up: {name}");
    let bill = NewBill {
        purchase: &top_up.id,
        organization: &top_up.organization,
        kind: app.standing(&top_up.organization).await?.0.kind,
        pack,
        description: &description,
        customer,
        currency: &money.currency,
    };
    match app.stripe.draft_bill(&bill, &format!("{}-invoice", top_up.id)).await {
        Err(stripe::Error::Unknown(reason)) => {
            tracing::warn!(top_up = top_up.id, reason, "it is not known whether an invoice was made");
            if let Some(found) = app.stripe.find_bill(customer, &top_up.id).await? {
                return Ok(found);
            }
            // Stripe keeps a failure under its key: this one needs another.
            Ok(app.stripe.draft_bill(&bill, &key(top_up, "invoice")).await?)
        }
        made => Ok(made?),
    }
}

/// Puts the pack on the draft, makes it final, and has it paid.
async fn collect(
    app: &App,
    top_up: &TopUp,
    pack: &PackId,
    money: &Money,
    customer: &str,
    mut bill: Bill,
) -> Result<(), Error> {
    let invoice = bill.invoice.id.clone();
    if bill.invoice.status == Status::Draft {
        if bill.empty {
            let Some(price) = app.config.prices.pack(pack) else {
                return give_up(app, top_up, &bill, Pause::AnotherPrice, None).await;
            };
            app.stripe.put_on_bill(customer, &invoice, price, &key(top_up, "item")).await?;
            bill = app.stripe.bill(&invoice).await?;
        }
        // What was agreed to is the catalogue's price. Should Stripe's be higher, nobody has agreed to it.
        if bill.invoice.total > money.amount || bill.invoice.currency != money.currency {
            return give_up(app, top_up, &bill, Pause::AnotherPrice, None).await;
        }
        bill = app.stripe.finalize_bill(&invoice, &key(top_up, "finalize")).await?;
    }
    if bill.invoice.status == Status::Open {
        let Some(method) = app.stripe.saved_payment_method(customer).await? else {
            return give_up(app, top_up, &bill, Pause::NoPaymentMethod, None).await;
        };
        bill = match app.stripe.pay_bill(&invoice, &method, &key(top_up, "pay")).await {
            Err(stripe::Error::Declined(said)) => {
                return give_up(app, top_up, &bill, Pause::Declined, Some(said)).await;
            }
            Err(stripe::Error::Unconfirmed(said)) => {
                return give_up(app, top_up, &bill, Pause::NeedsConfirmation, Some(said)).await;
            }
            Err(stripe::Error::Refused { message, .. }) => {
                tracing::warn!(top_up = top_up.id, message, "Stripe refuses to have a top-up paid");
                let now = app.stripe.bill(&invoice).await?;
                if now.invoice.status != Status::Paid {
                    return give_up(app, top_up, &now, Pause::NotPaid, None).await;
                }
                now
            }
            paid => paid?,
        };
    }
    if bill.invoice.status == Status::Paid {
        return credit(app, top_up, bill).await;
    }
    // A payment that takes its time: what became of it is seen later.
    Err(Error::Busy)
}

async fn credit(app: &App, top_up: &TopUp, bill: Bill) -> Result<(), Error> {
    app.store.purchase_paid(&top_up.id, None, Actor::TopUp, app.moment()).await?;
    let now = app.clock.now();
    let rule = app.access_rule(now);
    Ok(app.store.keep_invoices(&top_up.organization, vec![bill.invoice], Actor::TopUp, now, rule).await?)
}

/// Sees to it that the invoice is never paid, then pauses. The reason is stored first.
async fn give_up(app: &App, top_up: &TopUp, bill: &Bill, reason: Pause, said: Option<String>) -> Result<(), Error> {
    if top_up.failed.is_none() {
        app.store.top_up_failing(&top_up.id, reason, said.clone()).await?;
    }
    if let Err(error) = app.stripe.drop_bill(bill, &key(top_up, "void")).await {
        // A draft that is gone is dropped; one that was paid in the meantime is found so the next time.
        let gone = bill.invoice.status == Status::Draft && error.is_missing();
        if !gone {
            return Err(error.into());
        }
    }
    pause(app, top_up, reason, said).await
}

async fn pause(app: &App, top_up: &TopUp, reason: Pause, said: Option<String>) -> Result<(), Error> {
    let mails = app.paused_mails(top_up, reason, said.as_deref()).await?;
    Ok(app.store.top_up_failed(top_up, (reason, said), mails, app.moment()).await?)
}

/// The key of a call. Stripe keeps every outcome under its key, failures too, so each attempt has its own; what is done
/// once is the invoice.
fn key(top_up: &TopUp, call: &str) -> String {
    format!("{}-{call}-{}", top_up.id, top_up.attempts)
}
