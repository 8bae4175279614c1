//! Requests to the people who sell: checked, stored, and mailed on.

use domain::sales::{self, Request, Typed, Wrong};

use super::App;
use super::clock::Clock;
use super::error::Error;
use super::overview::tier_name;
use super::store::{NewMail, NewSalesRequest, Taken};
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
