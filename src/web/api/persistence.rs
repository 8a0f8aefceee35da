//! `/api/v1/persistence`: the self-check, as the page of the same name shows it.

use axum::Json;

use crate::library::Persistence;
use crate::web::problem;
use crate::web::state::App;

/// Shows what this start read back from the stores
#[utoipa::path(
    get,
    path = "/api/v1/persistence",
    operation_id = "getPersistence",
    tag = "persistence",
    responses(
        (status = 200, body = Persistence),
    )
)]
pub async fn persistence(app: App) -> problem::Result<Json<Persistence>> {
    Ok(Json(app.look(|library| library.persistence()).await?))
}
