//! Who asks, what they may do, and the reviews that tell.
//!
//! Whoever comes without impersonation is the rehearsal's own user: a cluster administrator, but for what the world denies. An impersonated user may do
//! what the roles in the store grant, and nothing else.

mod rbac;
mod roles;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderMap;
use serde_json::{Value, json};

use super::State;
use super::object::text;
use super::refusal::Refusal;

/// Who the kube client of a rehearsal is.
pub const USER: &str = "system:serviceaccount:gameday:gameday";

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    groups: Vec<String>,
    uid: String,
    /// Whether the store's roles decide what they may do.
    bound: bool,
}

impl User {
    /// The user that these headers name.
    ///
    /// # Errors
    /// 400 for groups without a user.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let all = |name: &str| headers.get_all(name).iter().filter_map(|v| v.to_str().ok()).map(str::to_owned).collect::<Vec<_>>();
        let mut groups = all("impersonate-group");
        let uid = all("impersonate-uid").into_iter().next().unwrap_or_default();
        let Some(name) = all("impersonate-user").into_iter().next().filter(|name| !name.is_empty()) else {
            if groups.is_empty() && uid.is_empty() {
                return Ok(all("authorization").iter().find_map(|given| Self::of_token(given)).unwrap_or_else(Self::own));
            }
            return Err(Refusal::internal("requested [] without impersonating a user"));
        };
        if groups.is_empty()
            && let Some((namespace, _)) = service_account(&name)
        {
            groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
        }
        if name != "system:anonymous" && !groups.iter().any(|group| group == "system:authenticated") {
            groups.push("system:authenticated".to_owned());
        }
        Ok(Self { name, groups, uid, bound: true })
    }

    /// Their name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The service account whose token this is.
    fn of_token(given: &str) -> Option<Self> {
        let claims = given.strip_prefix("Bearer ")?.split('.').nth(1)?;
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let name = text(&claims, "/sub");
        let (namespace, _) = service_account(name)?;
        let groups =
            ["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}"), "system:authenticated".to_owned()];
        let uid = text(&claims, "/kubernetes.io/serviceaccount/uid").to_owned();
        Some(Self { name: name.to_owned(), groups: groups.to_vec(), uid, bound: true })
    }

    fn own() -> Self {
        let groups = ["system:serviceaccounts", "system:serviceaccounts:gameday", "system:authenticated"];
        Self { name: USER.to_owned(), groups: groups.map(str::to_owned).to_vec(), uid: String::new(), bound: false }
    }

    /// A user of this name and these groups, as a review asks about them.
    fn named(name: &str, groups: &[Value]) -> Self {
        let groups: Vec<String> = groups.iter().filter_map(|g| g.as_str().map(str::to_owned)).collect();
        if name == USER { Self::own() } else { Self { name: name.to_owned(), groups, uid: String::new(), bound: true } }
    }
}

/// Namespace and name of the service account of this user name.
fn service_account(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'))
}

/// One use of a verb, as RBAC looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The verb.
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// Plural, with the subresource after a slash.
    pub resource: &'a str,
    /// Namespace; empty at the cluster scope.
    pub namespace: &'a str,
    /// Name of the object; empty for lists and creations.
    pub name: &'a str,
}

/// What was decided, and why.
struct Decision {
    allowed: bool,
    reason: String,
}

/// The reviews that the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// May I?
    SelfAccess,
    /// May they?
    Access,
    /// May they, in this namespace?
    LocalAccess,
    /// What may I?
    SelfRules,
    /// Who am I?
    SelfSubject,
}

impl Review {
    /// Every review: group, plural, kind.
    pub const ALL: [(Self, &'static str, &'static str, &'static str); 5] = [
        (Self::SelfSubject, "authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
        (Self::LocalAccess, "authorization.k8s.io", "localsubjectaccessreviews", "LocalSubjectAccessReview"),
        (Self::SelfAccess, "authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        (Self::SelfRules, "authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        (Self::Access, "authorization.k8s.io", "subjectaccessreviews", "SubjectAccessReview"),
    ];

    /// The review at this place.
    #[must_use]
    pub fn find(group: &str, plural: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, g, p, _)| *g == group && *p == plural).map(|(review, ..)| *review)
    }
}

impl State {
    /// Refuse what the user may not do.
    ///
    /// # Errors
    /// 403.
    pub fn authorize(&self, user: &User, access: Access<'_>) -> Result<(), Refusal> {
        let decision = self.decide(user, access);
        if decision.allowed {
            return Ok(());
        }
        let mut refusal = Refusal::forbidden(&user.name, access.verb, (access.group, access.resource), access.namespace, access.name);
        if !decision.reason.is_empty() {
            refusal.message.push_str(": ");
            refusal.message.push_str(&decision.reason);
        }
        Err(refusal)
    }

    fn decide(&self, user: &User, access: Access<'_>) -> Decision {
        if user.bound {
            return self.granted(user, access);
        }
        let fits = |rule: &str, given: &str| rule == "*" || rule == given;
        let denied = self.troubles.denials.iter().any(|denial| {
            fits(&denial.verb, access.verb)
                && fits(&denial.group, access.group)
                && fits(&denial.resource, access.resource)
                && denial.namespace.as_deref().is_none_or(|n| n == access.namespace || access.namespace.is_empty())
        });
        let reason =
            "RBAC: allowed by ClusterRoleBinding \"gameday\" of ClusterRole \"cluster-admin\" to ServiceAccount \"gameday/gameday\"";
        Decision { allowed: !denied, reason: if denied { String::new() } else { reason.to_owned() } }
    }

    /// Answer a review.
    ///
    /// # Errors
    /// 400 or 422 when the review asks for nothing.
    pub fn review(&self, user: &User, review: Review, namespace: &str, mut body: Value) -> Result<Value, Refusal> {
        let status = match review {
            Review::SelfSubject => {
                let mut info = json!({"username": user.name, "groups": user.groups});
                if !user.uid.is_empty() {
                    info["uid"] = json!(user.uid);
                }
                json!({"userInfo": info})
            }
            Review::SelfRules => self.rules_in(user, text(&body, "/spec/namespace"))?,
            Review::SelfAccess => self.access_status(user, review, &body)?,
            Review::Access | Review::LocalAccess => {
                let name = text(&body, "/spec/user");
                let groups = super::object::list(&body, "/spec/groups");
                if name.is_empty() && groups.is_empty() {
                    let why = "at least one of user or group must be specified";
                    return Err(unreviewable(review, &[("spec.user", format!("Invalid value: \"\": {why}"))]));
                }
                if review == Review::LocalAccess && text(&body, "/spec/resourceAttributes/namespace") != namespace {
                    return Err(Refusal::bad_request(format!("spec.resourceAttributes.namespace must match namespace: {namespace}")));
                }
                self.access_status(&User::named(name, groups), review, &body)?
            }
        };
        let (_, group, _, kind) = Review::ALL.iter().find(|(r, ..)| *r == review).copied().unwrap_or(Review::ALL[0]);
        if let Some(body) = body.as_object_mut() {
            body.insert("kind".to_owned(), json!(kind));
            body.insert("apiVersion".to_owned(), json!(format!("{group}/v1")));
            body.insert("status".to_owned(), status);
        }
        Ok(body)
    }

    fn access_status(&self, user: &User, review: Review, body: &Value) -> Result<Value, Refusal> {
        let attributes = body.pointer("/spec/resourceAttributes").filter(|a| a.is_object());
        let path = body.pointer("/spec/nonResourceAttributes").filter(|a| a.is_object());
        let decision = match (attributes, path) {
            (Some(attributes), None) => {
                let (plural, sub) = (text(attributes, "/resource"), text(attributes, "/subresource"));
                let resource = if sub.is_empty() { plural.to_owned() } else { format!("{plural}/{sub}") };
                self.decide(
                    user,
                    Access {
                        verb: text(attributes, "/verb"),
                        group: text(attributes, "/group"),
                        resource: &resource,
                        namespace: text(attributes, "/namespace"),
                        name: text(attributes, "/name"),
                    },
                )
            }
            (None, Some(path)) => self.decide_path(user, text(path, "/verb"), text(path, "/path")),
            (both, _) => {
                let why = if both.is_some() {
                    "cannot be specified in combination with resourceAttributes"
                } else {
                    "exactly one of nonResourceAttributes or resourceAttributes must be specified"
                };
                let field = if both.is_some() { "spec.nonResourceAttributes" } else { "spec.resourceAttributes" };
                return Err(unreviewable(review, &[(field, format!("Invalid value: null: {why}"))]));
            }
        };
        let mut status = json!({"allowed": decision.allowed});
        if !decision.reason.is_empty() {
            status["reason"] = json!(decision.reason);
        }
        Ok(status)
    }

    fn decide_path(&self, user: &User, verb: &str, path: &str) -> Decision {
        if user.bound { self.granted_path(user, verb, path) } else { Decision { allowed: true, reason: String::new() } }
    }

    /// Everything that a user may do in a namespace, as far as rules say it.
    fn rules_in(&self, user: &User, namespace: &str) -> Result<Value, Refusal> {
        if namespace.is_empty() {
            return Err(Refusal::bad_request("no namespace on request"));
        }
        let rules = if user.bound {
            self.rules_of(user, namespace).into_iter().map(|grant| grant.rule.clone()).collect()
        } else {
            vec![json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}), json!({"verbs": ["*"], "nonResourceURLs": ["*"]})]
        };
        let (paths, resources): (Vec<Value>, Vec<Value>) = rules.into_iter().partition(|rule| rule.get("nonResourceURLs").is_some());
        Ok(json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false}))
    }
}

fn unreviewable(review: Review, causes: &[(&str, String)]) -> Refusal {
    let (_, group, ..) = Review::ALL.iter().find(|(r, ..)| *r == review).copied().unwrap_or(Review::ALL[0]);
    let told: Vec<String> = causes.iter().map(|(field, why)| format!("{field}: {why}")).collect();
    Refusal {
        code: 422,
        reason: "Invalid",
        // The real server does not say of what kind it is.
        message: format!(".{group} \"\" is invalid: {}", told.join(", ")),
        details: Some(json!({"group": group, "causes": causes.iter().map(|(field, why)|
            json!({"reason": "FieldValueInvalid", "message": why, "field": field})).collect::<Vec<_>>()})),
    }
}
