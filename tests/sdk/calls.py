"""Call every method of emnify's own Python SDK and print, as JSON, what each found or how it failed.

Runs in an environment of its own, since the SDK needs an older pydantic; its address comes from the environment:

    EMNIFY_SDK_API_ENDPOINT_URL=http://127.0.0.1:8080/api python calls.py
"""

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from emnify import EMnify  # type: ignore[import-not-found]  # in an environment of its own


def main() -> None:
    """Make the calls in an order in which each has what it needs."""
    sdk = EMnify(app_token=os.environ["SDK_TOKEN"])
    devices, sims = sdk.devices, sdk.sim
    listed = list(devices.get_devices_list())
    free = [sim for sim in sims.get_sim_list() if sim.status.id == 0 and not sim.endpoint]
    online = int(os.environ["SDK_DEVICE"])
    kept = next(device for device in listed if device.sim and device.id != online)
    profiles = {
        "service_profile": {"id": kept.service_profile.id},
        "tariff_profile": {"id": kept.tariff_profile.id},
    }
    made = devices.device_model(name="Made by the SDK", status={"id": 0}, **profiles)
    results: dict[str, Any] = {}

    def call(name: str, action: Callable[[], object]) -> None:
        try:
            results[name] = {"found": _plain(action())}
        except Exception as error:  # noqa: BLE001  # which it is, is the result.
            results[name] = {"failed": f"{type(error).__name__}: {error}"}

    call("sim.get_sim_list", lambda: len(list(sims.get_sim_list())))
    call("sim.retrieve_sim", lambda: sims.retrieve_sim(sim_id=kept.sim.id).id)
    call("sim.suspend_sim", lambda: sims.suspend_sim(sim_id=kept.sim.id))
    call("sim.activate_sim", lambda: sims.activate_sim(sim_id=kept.sim.id))
    call("sim.update_sim", lambda: sims.update_sim(kept.sim.id, sims.get_sim_update_model(status={"id": 2})))
    call("sim.register_sim", lambda: len(sims.register_sim(bic=quote(os.environ["SDK_BIC"]))))
    call("operator.get_operators", lambda: len(list(sdk.operator.get_operators())))
    call("devices.get_devices_list", lambda: len(listed))
    call("devices.create_device", lambda: devices.create_device(device=made))
    number = results["devices.create_device"]["found"]
    call("devices.retrieve_device", lambda: devices.retrieve_device(number).name)
    call("devices.update_device", lambda: devices.update_device(device_id=number, device=_renamed(devices)))
    call("devices.assign_sim", lambda: devices.assign_sim(number, free[0].id, enable=False) or True)
    call("devices.change_status", lambda: devices.change_status(number, enable=True))
    call("devices.disable_device", lambda: devices.disable_device(number) or True)
    call("devices.get_device_events_list", lambda: len(list(devices.get_device_events_list(number))))
    call("devices.get_device_connectivity_status", lambda: devices.get_device_connectivity_status(online).status)
    call("devices.reset_connectivity_data", lambda: devices.reset_connectivity_data(online))
    call("devices.reset_connectivity_network", lambda: devices.reset_connectivity_network(online))
    call("devices.send_sms", lambda: devices.send_sms(device=online, sms=devices.sms_create_model(payload="reboot")))
    call("devices.get_device_sms_list", lambda: [sms.payload for sms in devices.get_device_sms_list(device=online)])
    call("devices.add_device_blacklist_operator", lambda: devices.add_device_blacklist_operator(online, 552))
    call(
        "devices.get_device_operator_blacklist",
        lambda: [each.name for each in devices.get_device_operator_blacklist(online)],
    )
    call("devices.delete_device_blacklist_operator", lambda: devices.delete_device_blacklist_operator(online, 552))
    call("devices.release_sim", lambda: devices.release_sim(number))
    call("devices.delete_device", lambda: devices.delete_device(number))
    print(json.dumps(results, indent=1))  # noqa: T201  # what this is for.


def _renamed(devices: Any) -> Any:
    return devices.device_update_model(name="Renamed by the SDK")


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, bool, list)) else str(value)


if __name__ == "__main__":
    main()
