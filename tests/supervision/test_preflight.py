"""What is refused before anything starts, and what the person is told."""

import socket

import pytest

from backend.errors import Conflict, UnsafeSettings
from backend.settings import Settings
from backend.supervision.preflight import verify_ports_free


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def free():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("field", ["port", "ui_port", "mlflow_port"])
def test_taken_port_names_the_variable_to_change(tmp_path, taken, field):
    ports = {"port": free(), "ui_port": free(), "mlflow_port": free()} | {field: taken}
    with pytest.raises(Conflict, match=f"port {taken}.*SIGNET_{field.upper()} "):
        verify_ports_free(Settings(home=tmp_path, **ports), patience=0)


def test_port_of_an_mlflow_elsewhere_does_not_matter(tmp_path, taken):
    ports = {"port": free(), "ui_port": free(), "mlflow_port": taken}
    verify_ports_free(Settings(home=tmp_path, mlflow_url="http://mlflow.example", **ports), patience=0)


def test_address_of_another_machine_is_refused(tmp_path):
    settings = Settings(home=tmp_path, bind="192.0.2.1", port=free(), ui_port=free(), mlflow_port=free())
    with pytest.raises(UnsafeSettings, match="SIGNET_BIND"):
        verify_ports_free(settings, patience=0)


def test_port_that_becomes_free_is_waited_for(tmp_path, monkeypatch):
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    monkeypatch.setattr("time.sleep", lambda _: listener.close())
    verify_ports_free(Settings(home=tmp_path, port=port, ui_port=free(), mlflow_port=free()), patience=5)


def test_mlflow_is_not_opened_to_the_network_without_a_proxy(tmp_path):
    ports = {"port": free(), "ui_port": free(), "mlflow_port": free()}
    for address in ("::", "192.0.2.1", "machine.example.org"):
        with pytest.raises(UnsafeSettings, match="SIGNET_MLFLOW_BIND"):
            verify_ports_free(Settings(home=tmp_path, mlflow_bind=address, **ports), patience=0)
    for address in ("127.0.0.1", "localhost"):
        verify_ports_free(Settings(home=tmp_path, mlflow_bind=address, **ports), patience=0)
