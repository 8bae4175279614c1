//! What people ask sales: stored and mailed on in one transaction, so many in an hour.

use domain::organization::{OrganizationId, UserId};
use domain::sales::Request;
use domain::time::{Seconds, Timestamp};
use sqlx::{AnyConnection, FromRow};

use super::accounts::lock;
use super::mails::{self, NewMail};
use super::{Error, Store, new_id};

/// What is counted together.
const HOUR: Seconds = Seconds(3600);
/// How many of an address, or of a person who has signed in, are taken in an hour.
const OF_ONE: i64 = 3;
/// How many are taken in an hour altogether: addresses are easily made up, and a person reads every request.
const OF_ALL: i64 = 60;

/// A request to be stored.
#[derive(Clone, Debug)]
pub struct NewSalesRequest {
    /// What is asked.
    pub request: Request,
    /// Who asks, and for whom, where they have signed in.
    pub asker: Option<(OrganizationId, UserId)>,
    /// The mail that tells of it, if one is sent.
    pub mail: Option<NewMail>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is stored.
    Stored,
    /// Too many came in the last hour.
    TooMany,
}

/// A request as it is stored.
#[derive(Clone, Debug, FromRow)]
pub struct SalesRequest {
    /// Its id.
    pub id: String,
    /// The organization that they had signed in for.
    pub organization_id: Option<String>,
    /// Who asks.
    pub name: String,
    /// Where the answer goes.
    pub email: String,
    /// For which company, department or agency.
    pub company: String,
    /// About which plan.
    pub plan: Option<String>,
    /// For how many people.
    pub seats: Option<i64>,
    /// In their own words.
    pub message: String,
    /// When, UTC seconds.
    pub created_at: i64,
}

impl Store {
    /// Stores a request and puts the mail about it into the outbox, unless too many have come.
    pub async fn take_sales_request(&self, new: NewSalesRequest, wall: Timestamp) -> Result<Taken, Error> {
        self.write(move |connection| Box::pin(take(connection, new, wall))).await
    }

    /// The latest requests up to a moment, newest first.
    pub async fn sales_requests(&self, until: Timestamp, limit: u32) -> Result<Vec<SalesRequest>, Error> {
        let sql = "SELECT * FROM sales_requests WHERE created_at <= $1 ORDER BY created_at DESC, id DESC LIMIT $2";
        Ok(sqlx::query_as(sql).bind(until.0).bind(i64::from(limit)).fetch_all(&self.pool).await?)
    }

    /// One request.
    pub async fn sales_request(&self, id: &str) -> Result<Option<SalesRequest>, Error> {
        Ok(sqlx::query_as("SELECT * FROM sales_requests WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }
}

async fn take(connection: &mut AnyConnection, new: NewSalesRequest, wall: Timestamp) -> Result<Taken, Error> {
    let NewSalesRequest { request, asker, mail } = new;
    let (organization, user) = asker.unzip();
    if let Some(organization) = &organization {
        lock(connection, organization).await?;
    }
    let since = wall.0 - HOUR.0;
    let (of_email, of_user, of_all): (i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM sales_requests WHERE email = $1 AND created_at > $3),
                (SELECT COUNT(*) FROM sales_requests WHERE user_id = $2 AND created_at > $3),
                (SELECT COUNT(*) FROM sales_requests WHERE created_at > $3)",
    )
    .bind(&request.email)
    .bind(user.as_ref().map(|user| user.0.clone()))
    .bind(since)
    .fetch_one(&mut *connection)
    .await?;
    if of_email >= OF_ONE || of_user >= OF_ONE || of_all >= OF_ALL {
        return Ok(Taken::TooMany);
    }
    sqlx::query(
        "INSERT INTO sales_requests (id, organization_id, user_id, name, email, company, plan, seats, message,
             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new_id("sal"))
    .bind(organization.as_ref().map(|organization| organization.0.clone()))
    .bind(user.map(|user| user.0))
    .bind(request.name)
    .bind(request.email)
    .bind(request.company)
    .bind(request.plan.map(String::from))
    .bind(request.seats.map(i64::from))
    .bind(request.message)
    .bind(wall.0)
    .execute(&mut *connection)
    .await?;
    if let Some(mail) = mail {
        mails::put(connection, organization.as_ref(), mail, wall).await?;
    }
    Ok(Taken::Stored)
}
