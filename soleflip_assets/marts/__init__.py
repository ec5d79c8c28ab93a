"""What the warehouse's tables tell: the marts, their pictures, and the dashboard."""
