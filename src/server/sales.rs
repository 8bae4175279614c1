//! Requests to the people who sell: checked, stored, and mailed on; and the plans that operators make of them.

use domain::access::PlanGrant;
use domain::organization::OrganizationId;
use domain::plan::PlanId;
use domain::sales::{self, PaymentLink, Request, Typed, Wrong};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::overview::tier_name;
use super::store::{NewMail, NewPlanGrant, NewSalesRequest, Taken};
use crate::error::Code;
use crate::visitor::Account;

impl App {
    /// Takes a request, or says what is wrong with it.
    pub async fn contact_sales(&self, account: Option<&Account>, typed: &Typed) -> Result<Result<(), Wrong>, Error> {
        let request = match sales::check(&self.catalog, typed) {
            Ok(request) => request,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let mail = self.config.sales_email.clone().map(|recipient| self.sales_mail(recipient, account, &request));
        let asker = account.map(|account| (account.organization.clone(), account.user.clone()));
        match self.store.take_sales_request(NewSalesRequest { request, asker, mail }, Clock::wall()).await? {
            Taken::Stored => Ok(Ok(())),
            Taken::TooMany => {
                let message = "We have your earlier requests and will answer them. Please try again in an hour.";
                Err(Error::refused(Code::RateLimited, message))
            }
        }
    }

    /// Puts an organization on a plan without Stripe, until a moment or until it is revoked. Answers with the tier
    /// that follows: a subscription to a larger plan still counts. The link is where the price is paid, if there is one.
    pub async fn grant_plan(
        &self,
        organization: OrganizationId,
        grant: PlanGrant,
        reason: &str,
        payment_link: Option<PaymentLink>,
    ) -> Result<PlanId, Error> {
        let now = self.clock.now();
        if self.catalog.plan(&grant.plan).is_none() || grant.plan == self.catalog.free_plan {
            let all = self.catalog.plans.iter().map(|plan| plan.id.as_str());
            let all: Vec<&str> = all.filter(|id| *id != self.catalog.free_plan.as_str()).collect();
            let message = format!("`{}` cannot be granted. There are: {}.", grant.plan, all.join(", "));
            return Err(Error::refused(Code::NotFound, message));
        }
        if grant.until.is_some_and(|until| until <= now) {
            return Err(Error::refused(Code::Invalid, "That day is over: say one that is still to come."));
        }
        let new = NewPlanGrant { organization, grant, reason: why(reason)?, payment_link };
        let tier = self.store.grant_plan(new, now, self.access_rule(now)).await?;
        tier.ok_or_else(|| Error::refused(Code::NotFound, "There is no such organization."))
    }

    /// Takes a granted plan back. Answers with the tier that follows.
    pub async fn revoke_plan(&self, organization: &OrganizationId, reason: &str) -> Result<PlanId, Error> {
        let now = self.clock.now();
        let tier = self.store.revoke_plan(organization, why(reason)?, now, self.access_rule(now)).await?;
        tier.ok_or_else(|| Error::refused(Code::NotFound, format!("{organization} has no plan that was granted.")))
    }

    fn sales_mail(&self, recipient: String, account: Option<&Account>, request: &Request) -> NewMail {
        let plan = request.plan.as_ref().map_or_else(|| "not known yet".to_owned(), |id| tier_name(&self.catalog, id));
        let seats = request.seats.map_or_else(|| "not known yet".to_owned(), |seats| seats.to_string());
        let who = account.map_or_else(
            || "nobody; the address was not checked".to_owned(),
            |account| format!("{}, {} ({})", account.email, account.organization_name, account.organization),
        );
        let Request { name, email, company, message, .. } = request;
        NewMail {
            recipient,
            subject: format!("{company} asks about {}", self.catalog.name),
            body: format!(
                "{name} <{email}> of {company} asks.\n\nPlan: {plan}\nPeople: {seats}\nSigned in: {who}\n\n{message}\n\n\
                 Answer to {email}. `billhook sales list` has every request, and `billhook plan grant` gives a plan.\n"
            ),
        }
    }
}

fn why(reason: &str) -> Result<String, Error> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Error::refused(Code::Invalid, "Say why: the reason is kept in the time line."));
    }
    Ok(reason.to_owned())
}
