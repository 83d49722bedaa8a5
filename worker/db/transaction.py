"""One transaction: the SQLAlchemy session together with its clock, its dialect, and whose rows it sees."""

from datetime import UTC, datetime

from sqlalchemy import Engine, event, text
from sqlalchemy.orm import ORMExecuteState, Session

from worker.db.tenancy import rows_of


class Transaction(Session):
    """What every function that reads or writes rows takes; made by `Database.read` and `Database.write`.

    tenant_id: where it is given, all statements see and change rows of this tenant alone: see `worker.db.tenancy`.
    """

    def __init__(self, engine: Engine, tenant_id: int | None = None) -> None:
        super().__init__(engine)
        self.tenant_id = tenant_id

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.get_bind().dialect.name == "sqlite"

    def now(self) -> datetime:
        """The time by the database's clock, which all workers share; two readings in one transaction differ."""
        if self.is_sqlite:
            return datetime.now(UTC)
        clock: datetime = self.execute(text("SELECT clock_timestamp()")).scalar_one()
        return clock.astimezone(UTC)


@event.listens_for(Transaction, "do_orm_execute")
def _keep_to_tenant(state: ORMExecuteState) -> None:
    tenant_id = state.session.tenant_id  # type: ignore[attr-defined] # a Transaction: it is listened to no other
    if tenant_id is None or state.execution_options.get("of_every_tenant"):
        return
    if state.is_select or state.is_update or state.is_delete:
        state.statement = state.statement.options(*rows_of(tenant_id))
