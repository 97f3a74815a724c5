from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        """Tell pages and rollouts of deployments how services are doing, and pages of versions what operators take."""
        from deployments.rollouts import readings
        from deployments.services import recent_figures, recommendations
        from deployments.traffic import shadow_figures
        from monitoring.profiles import for_deployment
        from monitoring.profiles.graph_costs import graph_costs
        from monitoring.telemetry.cells import read_cells
        from monitoring.telemetry.recent import read_recent
        from monitoring.telemetry.shadows import read_shadows
        from registry.graphs import costs

        recent_figures.register(read_recent)
        readings.register(read_cells)
        shadow_figures.register(read_shadows)
        costs.register(graph_costs)
        recommendations.register(for_deployment.by_reference, for_deployment.newest)
